/**
 * How bases are renewed: at once, or beside the steps that follow.
 *
 * @module
 */

import type { Backend, EighJob, EighTicket } from "../backend/backend.ts";
import { atLayer } from "../core/at_layer.ts";
import { flag, number, optional, type Rule, shorthand, variant } from "../core/schema.ts";
import type { Markable } from "../core/marks.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Keeping } from "../distributed/keeping.ts";
import type { SharedWork, Task } from "../distributed/shared_work.ts";
import { alone, type Reduction } from "../distributed/reduction.ts";
import { type InverseJob, type RefreshJob, resultsOf, runJobs } from "./refresh_job.ts";
import type { Followed, Renewal } from "./renewal.ts";

/**
 * - `immediate`: a step in which bases are due waits for them.
 * - `background`: they are computed beside the steps that follow, from the factors as they were, while
 *   the old bases serve; where the backend has no thread to spare, when they are adopted. With
 *   `deterministic` they are adopted exactly `delay` steps later, so that runs reproduce; else as soon
 *   as they are ready, after `delay` steps at the latest, and a GPU may leave them to the host. First
 *   bases are always immediate.
 */
export type RefreshMode =
  | { readonly kind: "immediate" }
  | {
    readonly kind: "background";
    /** Steps, >= 1. @default {5} */
    readonly delay?: number;
    /** Whether every run adopts at the same step. @default {true} */
    readonly deterministic?: boolean;
  };

/** What the option takes. */
export const refreshRule: Rule<Required<RefreshMode>> = shorthand(
  variant<Required<RefreshMode>>("kind", {
    immediate: {},
    background: {
      delay: optional(number({ min: 1, integer: true }), 5),
      deterministic: optional(flag, true),
    },
  }),
  "'immediate', 'background'",
  (value) => typeof value === "string" ? { kind: value } : undefined,
);

/** Whether bases are taken over as soon as they are ready, at another step on each machine. */
export function isEarly(mode: Required<RefreshMode>): boolean {
  return mode.kind === "background" && !mode.deterministic;
}

/** What has bases to renew: a block of curvature, or of SOAP. */
export interface Refreshable extends Markable {
  /** The weights it belongs to, for messages. */
  readonly parameter: { readonly name: string };
  /** Whether there is a solved basis (or inverse) that can serve while a refresh is under way. */
  readonly solved: boolean;

  /**
   * The eigenproblems of a refresh, to be solved together with those of other layers; none where an inverse does.
   *
   * @param staleness A basis stands while its off-diagonal share is at most this.
   * @param lasting Whether they are solved beside the steps that follow, instead of in this scope.
   */
  beginRefresh?(staleness: number, lasting: boolean): readonly EighJob[];

  /**
   * The inverses of a refresh that a step waits for, with lambda as of that step; none where eigenproblems do. They are
   * done before {@linkcode Refreshable.finishRefresh}.
   */
  beginInverses?(step: number): readonly InverseJob[];

  /** Takes over what has been solved since {@linkcode Refreshable.beginRefresh}. */
  finishRefresh?(step: number): Renewal | undefined;

  /** Instead of both, where another rank does it: the renewal that it tells of. */
  followRefresh?(step: number): Followed;

  /** The results of a refresh beside the steps by name, where there can be one; for checkpoints. */
  underway?(): Readonly<Record<string, Matrix>>;

  /** {@linkcode Refreshable.finishRefresh} is to take over what {@linkcode Refreshable.underway} holds. */
  resumeRefresh?(): void;
}

/** What matters of who keeps what. */
type RefreshKeeping = "divided" | "isDivided" | "keeps" | "keepersOf" | "send";

/** A refresh that is under way. */
export interface Underway<T extends Refreshable> {
  /** The step in which it was begun. */
  readonly since: number;
  /** What is renewed. */
  readonly blocks: readonly T[];
}

/** What became of the refresh of one block. */
export interface RefreshOutcome<T extends Refreshable> {
  /** The block. */
  readonly block: T;
  /** See {@linkcode Refreshable.finishRefresh}. */
  readonly renewal: Renewal | undefined;
}

/**
 * Runs the decompositions of several layers together, so that a backend can share them out.
 *
 * @example In the background, a basis is adopted two steps after it was due
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { Eigenbasis, type Refreshable, Refresher } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using output = upload(backend, denseMatrix(1, 1, [5]));
 * using input = upload(backend, denseMatrix(2, 2, [2, 1, 1, 2]));
 * using basis = new Eigenbasis(backend, 1, 2);
 * const layer: Refreshable = {
 *   parameter: { name: "dense1" },
 *   get solved() {
 *     return basis.solved;
 *   },
 *   beginRefresh: (staleness, lasting) => basis.jobs({ output, input }, staleness, lasting),
 *   finishRefresh: () => basis.adopt(() => {}),
 * };
 * const mode = { kind: "background", delay: 2, deterministic: true } as const;
 * const refresher = new Refresher(backend, mode, 0);
 * assert.equal(refresher.refresh(0, [layer]).length, 1); // there is nothing yet that could serve
 * backend.write(input, [20, 10, 10, 20]);
 * const adopted = [10, 11, 12].map((step) => refresher.refresh(step, step === 10 ? [layer] : []));
 * assert.deepEqual(adopted.map(({ length }) => length), [0, 0, 1]);
 * allClose(backend.readSync(basis.inputValues).sort(), [10, 30], { relative: 1e-12 });
 * ```
 */
export class Refresher<T extends Refreshable> {
  readonly #backend: Backend;
  readonly #mode: Required<RefreshMode>;
  readonly #staleness: number;
  readonly #reduction: Reduction;
  readonly #keepers: Pick<Keeping<T>, RefreshKeeping>;
  /** At most one refresh is under way at a time. */
  #pending:
    | (Underway<T> & {
      readonly ticket: EighTicket;
      /** What others solve meanwhile; nothing where all of it is in this rank's matrices. */
      shared?: SharedWork<EighJob>;
      completed: boolean;
    })
    | undefined;
  /** What has been adopted last, and what of that is not to come back. */
  #adopted: Underway<T> | undefined;
  #givenUp: Underway<T> | undefined;

  /**
   * Holds nothing that would have to be disposed; call {@linkcode Refresher.cancel} before the blocks are.
   *
   * @param reduction With whom eigenproblems are shared out.
   * @param keepers Which of them keep which blocks. @default {all of them all}
   */
  constructor(
    backend: Backend,
    mode: Required<RefreshMode>,
    staleness: number,
    reduction: Reduction = alone,
    keepers: Pick<Keeping<T>, RefreshKeeping> = reduction.keeping<never>(0),
  ) {
    this.#keepers = keepers;
    this.#reduction = reduction;
    this.#backend = backend;
    this.#mode = mode;
    this.#staleness = staleness;
  }

  /** Notes what is under way; the result waits for what has been begun since, and drops it. */
  mark(): () => void {
    const pending = this.#pending;
    return () => {
      if (this.#pending !== pending) this.cancel();
      this.#pending = pending === this.#givenUp ? undefined : pending;
    };
  }

  /**
   * Called when a step throws because of what has just been adopted: going back to before the step does not bring it
   * back, or every step would throw from then on.
   */
  giveUp(): void {
    this.#givenUp = this.#adopted;
  }

  /** Renews the blocks that are due, and adopts what has been renewed in the background. */
  refresh(step: number, due: readonly T[]): readonly RefreshOutcome<T>[] {
    const adopted = this.#isDueAt(step) || due.length > 0 ? this.#settle(step) : [];
    const background = this.#mode.kind === "background";
    const later = background ? due.filter((block) => block.solved) : [];
    const now = background ? due.filter((block) => !block.solved) : due;
    const renewed = this.#backend.scope(() => {
      const inverses = this.#tasksOf(now, (block) => block.beginInverses?.(step));
      this.#solve([...this.#begin(now, false), ...inverses], now);
      return this.#finish(step, now);
    });
    const tasks = this.#begin(later, true);
    if (later.length > 0 && (tasks.length > 0 || this.#keepers.divided)) {
      const elsewhere = isEarly(this.#mode);
      const shared = this.#shareOut(tasks);
      const ticket = this.#backend.beginEigh(shared.own, { elsewhere });
      this.#pending = { ticket, shared, blocks: later, since: step, completed: false };
    }
    return [...adopted, ...renewed];
  }

  /** Each rank solves some, and all get all that they need. */
  #solve(tasks: readonly Task<RefreshJob>[], blocks: readonly T[]): void {
    const shared = this.#shareOut(tasks);
    runJobs(this.#backend, shared.own);
    if (blocks.length > 0) shared.spread(resultsOf);
  }

  #shareOut<J extends RefreshJob>(tasks: readonly Task<J>[]): SharedWork<J> {
    return this.#reduction.shareOut(tasks, this.#keepers.divided);
  }

  /** What is under way. */
  get underway(): Underway<T> | undefined {
    return this.#pending;
  }

  /**
   * Waits for a refresh that is under way, so that its results are in matrices; it is adopted when it would be. One rank
   * may do so without the others: it solves what they do, too.
   */
  complete(): void {
    const pending = this.#pending;
    if (pending === undefined || pending.completed) return;
    pending.ticket.finish();
    pending.completed = true;
    const { others = [] } = pending.shared ?? {};
    if (others.length > 0) this.#backend.eigh(others);
  }

  /** Goes on with a refresh whose results are in the blocks' matrices, or with none. */
  resume(underway: Underway<T> | undefined): void {
    this.cancel();
    if (underway === undefined) return;
    for (const block of underway.blocks) block.resumeRefresh?.();
    this.#pending = { ...underway, ticket: { ready: true, finish: () => {} }, completed: true };
  }

  #settle(step: number): readonly RefreshOutcome<T>[] {
    if (this.#pending === undefined) return [];
    const { ticket, blocks, shared } = this.#pending;
    this.#adopted = this.#pending;
    this.#pending = undefined;
    ticket.finish();
    shared?.spread(resultsOf);
    return this.#finish(step, blocks);
  }

  /** Waits for a refresh that is under way and drops it; its blocks may be disposed then. */
  cancel(): void {
    const ticket = this.#pending?.ticket;
    if (ticket?.drop === undefined) ticket?.finish();
    else ticket.drop();
    this.#pending = undefined;
  }

  #isDueAt(step: number): boolean {
    if (this.#pending === undefined) return false;
    const { ticket, since, completed } = this.#pending;
    // Begun by an optimizer that did not wait, whose checkpoint this one goes on from.
    if (this.#mode.kind === "immediate") return true;
    if (step >= since + this.#mode.delay) return true;
    // What was only completed for a checkpoint would not be ready without it.
    return !this.#mode.deterministic && !completed && ticket.ready;
  }

  #begin(blocks: readonly T[], lasting: boolean): readonly Task<EighJob>[] {
    return this.#tasksOf(blocks, (block) => block.beginRefresh?.(this.#staleness, lasting));
  }

  /** Of those that this rank keeps. */
  #tasksOf<J extends RefreshJob>(
    blocks: readonly T[],
    jobsOf: (block: T) => readonly J[] | undefined,
  ): readonly Task<J>[] {
    return blocks.filter((block) => this.#keepers.keeps(block)).flatMap((block) => {
      const takers = this.#keepers.keepersOf(block);
      const jobs = atLayer(block.parameter.name, () => jobsOf(block) ?? []);
      return jobs.map((job) => ({ job, takers }));
    });
  }

  #finish(step: number, blocks: readonly T[]): readonly RefreshOutcome<T>[] {
    const follow: (() => void)[] = [];
    const outcomes = blocks.map((block) => ({
      block,
      renewal: atLayer(block.parameter.name, () => {
        if (this.#keepers.keeps(block)) {
          return this.#backend.scope(() => block.finishRefresh?.(step));
        }
        const followed = block.followRefresh?.(step);
        if (followed !== undefined) follow.push(followed.follow);
        return followed?.renewal;
      }),
    }));
    const divided = outcomes.filter(({ block }) => this.#keepers.isDivided(block));
    const renewals = new Map(divided.map(({ block, renewal }) => [block, renewal]));
    this.#keepers.send([...renewals.keys()], (block) => {
      const renewal = renewals.get(block);
      return renewal === undefined ? [] : [renewal.status];
    });
    for (const each of follow) each();
    return outcomes;
  }
}
