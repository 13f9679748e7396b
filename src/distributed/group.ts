/**
 * Processes, threads or pages that compute together, and what they can do together.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Sendable, Summable } from "./numbers.ts";
import type { Reduction } from "./reduction.ts";

/** What a group has moved so far, on one rank. */
export interface Traffic {
  /** Operations that this rank has taken part in. */
  readonly operations: number;
  /** Bytes of all arrays that were handed over: what an algorithm moves of them over wires is its own matter. */
  readonly bytes: number;
  /** Time spent in blocking forms, in milliseconds: transport, and waiting for ranks that came later. */
  readonly milliseconds: number;
}

/**
 * A fixed number of ranks, numbered from 0, each of which holds an object of this kind.
 *
 * Every rank calls the same operations in the same order, with arrays of equal lengths (but for
 * {@linkcode Group.allGather}). All ranks get the same bits, so that whatever they compute from them stays equal.
 *
 * There are two forms of each operation. The blocking one returns when it is done; a step of an optimizer needs it.
 * The other one returns a promise: the caller computes meanwhile, leaves the array alone until it is settled, and
 * starts no blocking form before.
 *
 * An operation throws `GroupError` where a rank is gone, or has not come for as long as the group is patient. The
 * group is of no use after that: those who are left should end, and go on from a checkpoint.
 */
export interface Group extends Disposable {
  /** What it is made of, for reports: `"threads"`, `"ports"`, `"Open MPI 4.1.4"`. */
  readonly name: string;
  /** Number of this rank, from 0. */
  readonly rank: number;
  /** Number of ranks, >= 1. */
  readonly size: number;
  /** Whether the blocking forms can be used: not where messages only arrive between turns of an event loop. */
  readonly canBlock: boolean;
  /** What has been moved so far. */
  readonly traffic: Traffic;

  /**
   * `x <- sum_r x_r`, in place.
   *
   * @throws {GroupError} When a rank is gone.
   * @throws {StateError} Where the group cannot block, or a promise of it is not settled.
   */
  allReduce(numbers: Summable): void;
  /**
   * {@linkcode Group.allReduce} in two halves, between which the caller computes: the array is left alone, and no other
   * operation begun, until the ticket is finished.
   *
   * @throws As {@linkcode Group.allReduce}; so does the ticket.
   */
  beginAllReduce(numbers: Summable): Ticket;
  /**
   * `x <- x_root`, in place.
   *
   * @throws As {@linkcode Group.allReduce}.
   */
  broadcast(numbers: Sendable, root: number): void;
  /**
   * The parts of all ranks, which may be of unequal lengths, in the order of the ranks; the caller owns them.
   *
   * @throws As {@linkcode Group.allReduce}.
   */
  allGather<T extends Sendable>(part: T): T[];
  /**
   * Each rank has something for each other: `received[s] <- sent[r]` of rank s, r being this one, in place. Parts may be
   * of unequal lengths, none at all included, which sender and receiver both know.
   *
   * @param sent By receiver; only read. What a rank has for itself is left alone.
   * @param received By sender; shares no memory with what is sent.
   * @throws As {@linkcode Group.allReduce}.
   */
  exchange(sent: readonly Sendable[], received: readonly Sendable[]): void;
  /**
   * Returns when all ranks have called it.
   *
   * @throws As {@linkcode Group.allReduce}.
   */
  barrier(): void;

  /** {@linkcode Group.allReduce} beside what the caller does. */
  allReduceAsync(numbers: Summable): Promise<void>;
  /** {@linkcode Group.broadcast} beside what the caller does. */
  broadcastAsync(numbers: Sendable, root: number): Promise<void>;
  /** {@linkcode Group.allGather} beside what the caller does. */
  allGatherAsync<T extends Sendable>(part: T): Promise<T[]>;
  /** {@linkcode Group.exchange} beside what the caller does. */
  exchangeAsync(sent: readonly Sendable[], received: readonly Sendable[]): Promise<void>;
  /** {@linkcode Group.barrier} beside what the caller does. */
  barrierAsync(): Promise<void>;

  /**
   * What an optimizer asks for: the same for the matrices of a backend.
   *
   * @param subject What is being made, for messages.
   * @param early Whether it takes over bases as soon as they are ready. @default {false}
   * @throws {OptionError} Where the group cannot block: within a step, ranks wait for each other. On a backend whose
   * numbers are not there at once. And for early bases, which every rank would take over at another step.
   * @internal
   */
  reductionOn(subject: string, backend: Backend, early?: boolean): Reduction;

  /** Tells the others that this rank is gone, if they still wait for it; the object is of no use afterwards. */
  [Symbol.dispose](): void;
}

/** A sum under way, in a thread that goes on meanwhile. */
export interface Ticket {
  /** Helps it along, without waiting: some groups do nothing by themselves. */
  advance(): void;
  /** Waits for it. */
  finish(): void;
}

/** How groups behave. */
export interface GroupOptions {
  /**
   * How long an operation waits for another rank, in milliseconds, > 0. What dies is noticed at once where the group
   * can see it; this is for what hangs. @default {600_000}
   */
  readonly patience?: number;
}

/** What {@linkcode GroupOptions.patience} is where it is left out. */
export const PATIENCE = 600_000;
