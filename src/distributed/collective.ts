/**
 * What all groups share: each operation is written once, as a sequence of moves between which it waits, and runs in
 * a blocking and in an asynchronous form.
 *
 * @module
 */

import { readerOf } from "../backend/read_at_once.ts";
import type { Backend } from "../backend/backend.ts";
import { GroupError, OptionError, StateError } from "../core/errors.ts";
import type { Group, Ticket, Traffic } from "./group.ts";
import type { Sendable, Summable } from "./numbers.ts";
import { GroupReduction } from "./group_reduction.ts";
import { alone, type Reduction } from "./reduction.ts";

/** An operation under way: yields what it has to wait for, gets back what came. */
export type Moves<W, M, R> = Generator<W, R, M>;

/**
 * A group whose operations are sequences of moves.
 *
 * @typeParam W What a move waits for.
 * @typeParam M What waiting brings.
 */
export abstract class Collective<W, M> implements Group {
  abstract readonly name: string;
  abstract readonly canBlock: boolean;
  readonly rank: number;
  readonly size: number;
  #traffic: Traffic = { operations: 0, bytes: 0, milliseconds: 0 };
  /** Settled when all promises of this group are. */
  #last: Promise<unknown> = Promise.resolve();
  #open = 0;
  #over: string | undefined;
  /** Whether a sum has been begun and not finished. */
  #halfway = false;

  /** Of a rank among so many. */
  constructor(rank: number, size: number) {
    this.rank = rank;
    this.size = size;
  }

  /** The sum, in place. */
  protected abstract sum(numbers: Summable): Moves<W, M, void>;
  /** Of one rank to all, in place. */
  protected abstract spread(numbers: Sendable, root: number): Moves<W, M, void>;
  /** Of all to all. */
  protected abstract gather<T extends Sendable>(part: T): Moves<W, M, T[]>;
  /** Of each to each, in place. */
  protected abstract swap(
    sent: readonly Sendable[],
    received: readonly Sendable[],
  ): Moves<W, M, void>;
  /** Waits until it has come. */
  protected abstract block(wait: W): M;
  /** The same between turns of the event loop. */
  protected abstract later(wait: W): Promise<M>;
  /** What has come, if it has; groups in which nothing comes before it is waited for do not have it. */
  protected look?(wait: W): { readonly came: M } | undefined;
  /** Lets the others know that this rank does not come any more, where there is a way to. */
  protected abstract leave(): void;

  get traffic(): Traffic {
    return this.#traffic;
  }

  allReduce(numbers: Summable): void {
    this.#now(numbers, () => this.sum(numbers));
  }

  beginAllReduce(numbers: Summable): Ticket {
    this.#count(numbers);
    this.#checkBlocking();
    const moves = this.sum(numbers);
    let move = this.#timed(() => moves.next());
    // Until it is finished, even if it is done before: all ranks refuse the same.
    this.#halfway = true;
    const through = (next: (wait: W) => { readonly came: M } | undefined) =>
      this.#timed(() => {
        while (!move.done) {
          const found = next(move.value);
          if (found === undefined) return;
          move = moves.next(found.came);
        }
      });
    return {
      advance: () => through((wait) => this.look?.(wait)),
      finish: () => {
        through((wait) => ({ came: this.block(wait) }));
        this.#halfway = false;
      },
    };
  }

  broadcast(numbers: Sendable, root: number): void {
    this.#checkRoot(root);
    this.#now(numbers, () => this.spread(numbers, root));
  }

  allGather<T extends Sendable>(part: T): T[] {
    return this.#now(part, () => this.gather(part));
  }

  exchange(sent: readonly Sendable[], received: readonly Sendable[]): void {
    this.#checkParts(sent, received);
    this.#now(this.#forOthers(sent), () => this.swap(sent, received));
  }

  barrier(): void {
    this.allReduce(new Float32Array(1));
  }

  allReduceAsync(numbers: Summable): Promise<void> {
    return this.#soon(numbers, () => this.sum(numbers));
  }

  broadcastAsync(numbers: Sendable, root: number): Promise<void> {
    this.#checkRoot(root);
    return this.#soon(numbers, () => this.spread(numbers, root));
  }

  allGatherAsync<T extends Sendable>(part: T): Promise<T[]> {
    return this.#soon(part, () => this.gather(part));
  }

  exchangeAsync(sent: readonly Sendable[], received: readonly Sendable[]): Promise<void> {
    this.#checkParts(sent, received);
    return this.#soon(this.#forOthers(sent), () => this.swap(sent, received));
  }

  barrierAsync(): Promise<void> {
    return this.allReduceAsync(new Float32Array(1));
  }

  reductionOn(subject: string, backend: Backend, early = false): Reduction {
    if (readerOf(backend) === undefined) {
      const expectation =
        `must be left out on backend '${backend.name}', whose numbers are not there at once`;
      throw new OptionError(subject, "group", expectation, `a group of ${this.name}`);
    }
    if (this.size === 1) return alone;
    if (early) {
      const expectation = "must be true in a group, whose ranks take over bases at the same step";
      throw new OptionError(subject, "refresh.deterministic", expectation, false);
    }
    if (this.canBlock) return new GroupReduction(backend, this);
    const expectation =
      "must be able to block, as groups of threads and of MPI are: within a step, ranks wait for each other";
    throw new OptionError(subject, "group", expectation, `a group of ${this.name}`);
  }

  [Symbol.dispose](): void {
    if (this.#over === undefined) this.leave();
    this.#over ??= "it has been disposed";
  }

  #now<R>(numbers: Pick<Sendable, "byteLength">, begin: () => Moves<W, M, R>): R {
    this.#count(numbers);
    this.#checkBlocking();
    return this.#timed(() => {
      const moves = begin();
      let move = moves.next();
      while (!move.done) move = moves.next(this.block(move.value));
      return move.value;
    });
  }

  #checkBlocking(): void {
    if (!this.canBlock) {
      throw new StateError(
        `Cannot wait for the other ranks at once: a group of ${this.name} has no way to block here; use the ` +
          "asynchronous forms, or a group of threads or of MPI",
      );
    }
    if (this.#open > 0) {
      throw new StateError(
        "Cannot wait for the other ranks at once: an asynchronous operation of the group is under way; await it first",
      );
    }
  }

  #timed<R>(body: () => R): R {
    const started = performance.now();
    try {
      return body();
    } catch (error) {
      throw this.#failed(error);
    } finally {
      const milliseconds = this.#traffic.milliseconds + performance.now() - started;
      this.#traffic = { ...this.#traffic, milliseconds };
    }
  }

  /** Operations follow one another, in the order in which they were called. */
  #soon<R>(numbers: Pick<Sendable, "byteLength">, begin: () => Moves<W, M, R>): Promise<R> {
    this.#count(numbers);
    const run = async (): Promise<R> => {
      try {
        this.#checkAlive();
        const moves = begin();
        let move = moves.next();
        while (!move.done) move = moves.next(await this.later(move.value));
        return move.value;
      } catch (error) {
        throw this.#failed(error);
      } finally {
        this.#open--;
      }
    };
    this.#open++;
    const result = this.#last.then(run, run);
    this.#last = result.catch(() => {});
    return result;
  }

  #count({ byteLength }: Pick<Sendable, "byteLength">): void {
    this.#checkAlive();
    if (this.#halfway) {
      throw new StateError("Cannot go on: a sum of the group is under way; finish it first");
    }
    const { operations, bytes, milliseconds } = this.#traffic;
    this.#traffic = { operations: operations + 1, bytes: bytes + byteLength, milliseconds };
  }

  #checkAlive(): void {
    if (this.#over === undefined) return;
    throw new StateError(`Cannot use a group of ${this.name}: ${this.#over}`);
  }

  /** What leaves this rank. */
  #forOthers(sent: readonly Sendable[]): Pick<Sendable, "byteLength"> {
    const byteLength = sent.reduce(
      (sum, part, rank) => rank === this.rank ? sum : sum + part.byteLength,
      0,
    );
    return { byteLength };
  }

  #checkParts(...parts: readonly (readonly Sendable[])[]): void {
    const odd = parts.find(({ length }) => length !== this.size);
    if (odd === undefined) return;
    throw new StateError(
      `Cannot exchange: expected a part for each of ${this.size} ranks, received ${odd.length}`,
    );
  }

  #checkRoot(root: number): void {
    if (Number.isInteger(root) && root >= 0 && root < this.size) return;
    throw new StateError(
      `Cannot broadcast: expected a rank from 0 to ${this.size - 1}, received ${root}`,
    );
  }

  /** After a rank is gone the others' messages have no order any more. */
  #failed(error: unknown): unknown {
    if (error instanceof GroupError && this.#over === undefined) {
      this.leave();
      this.#over = `it has ended (${error.message})`;
    }
    return error;
  }
}
