/**
 * What ranks do together in a step, so that the steps of all of them are one step.
 *
 * @module
 */

import type { Places } from "../core/capture.ts";
import type { Matrix } from "../core/matrix.ts";
import { type Keepable, type Keeping, keptAlone } from "./keeping.ts";
import type { Directing, Layers } from "./layer_seconds.ts";
import type { Decomposition } from "./decomposition_seconds.ts";
import type { Network } from "./network.ts";
import type { Summand } from "./packing.ts";
import type { SharedWork, Task } from "./shared_work.ts";
import type { WorkerGrid } from "./worker_grid.ts";
import type { Working } from "./working.ts";
import { placesOf } from "./shares.ts";

/** What has to be in the same place on all ranks. */
export interface Stepping {
  /** Has the weights. */
  readonly objective: { readonly parameters: readonly { readonly value: Matrix }[] };
  /** Steps taken. */
  readonly stepCount: number;
}

/** The ranks of one optimizer on one backend. */
export interface Reduction {
  /** Number of this rank. */
  readonly rank: number;
  /** Number of ranks. */
  readonly size: number;

  /** The sums over all ranks, in place. */
  sum(...summands: readonly Summand[]): void;

  /**
   * Begins the sums of matrices, in place, while the caller computes on; they are there when the next
   * {@linkcode Reduction.sum} returns. Nobody may touch them until then.
   */
  begin(...summands: readonly Summand[]): void;

  /**
   * Sends matrices that one rank has to all others, or to some.
   *
   * @param matrices Of equal shapes on all ranks that take part in them; overwritten where another one owns them.
   * @param owners The rank of each.
   * @param takes Whether a rank takes part in a matrix: the others need not list it. @default {all do}
   */
  spread(
    matrices: readonly Matrix[],
    owners: readonly number[],
    takes?: (matrix: number, rank: number) => boolean,
  ): void;

  /**
   * Sends matrices to the ranks that lack them.
   *
   * @param matrices Of equal shapes on all ranks; overwritten where this one lacks them.
   * @param supplierOf The rank from which a rank gets a matrix: itself, where it has it. The same on all ranks.
   */
  supply(matrices: readonly Matrix[], supplierOf: (matrix: number, rank: number) => number): void;

  /**
   * What each rank has, by rank. Not within a step: a rank that takes one meanwhile is told.
   *
   * @param part Of any length.
   * @throws {GroupError} When another rank does something else.
   */
  gather(part: Uint8Array): readonly Uint8Array[];

  /**
   * The grid of layers of which some ranks keep each; nothing where all keep all, or where that is for the times of
   * steps to decide.
   *
   * @param layers Are tried where there is a grid: it gives the most expensive out first.
   */
  gridOf<B extends Directing>(
    fraction: number | "auto",
    layers: Layers<B>,
  ): WorkerGrid | undefined;

  /**
   * Who keeps which of some blocks that will be admitted.
   *
   * @param grid Who makes the directions of which. @default {all ranks those of all}
   */
  keeping<T extends Keepable>(count: number, grid?: WorkerGrid): Keeping<T>;

  /**
   * Who makes the directions of so many parameters; nothing where nobody else trains.
   *
   * @param fraction Share of the ranks that make each.
   * @param grid Who makes which, where it is known already.
   */
  working(count: number, fraction: number | "auto", grid?: WorkerGrid): Working | undefined;

  /**
   * Seconds of decompositions on all ranks together, the same on all. Where a kind or size is new, it is tried, and all
   * ranks call it with the same ones.
   */
  secondsOf(jobs: readonly Decomposition[]): readonly number[];

  /**
   * Gives jobs out among the ranks that need them, the longest first.
   *
   * @param divided Whether ranks have different jobs; then all kinds and sizes are known.
   */
  shareOut<J extends Decomposition>(tasks: readonly Task<J>[], divided: boolean): SharedWork<J>;

  /** Measures how long it takes to supply. All ranks call it together, and get the same numbers. */
  measure(): Network;

  /**
   * Begins a step: compares what all ranks must have in common, and finds out who has which examples.
   *
   * @param sizes Checks this rank's batches; numbers of their examples, >= 1.
   * @returns Places of this rank's examples in the joined batches.
   * @throws {GroupError} When ranks are not in the same place, or one refuses its batches.
   * @throws {ShapeError} When ranks have different numbers of batches.
   */
  meet(optimizer: Stepping, sizes: () => readonly number[]): readonly Places[];

  /** Notes the numbers of a step, to be compared at the next one. */
  note(numbers: Matrix): void;

  /**
   * Runs a step. What is thrown for numbers that all ranks have in common, or for what one has refused, all throw;
   * after anything else the others would wait for a rank that does not come, so it leaves them.
   */
  together<T>(step: () => T): T;
}

/** What the examples of a rank are a part of. */
export interface Whole extends Pick<Reduction, "sum"> {
  /** Examples of all ranks. */
  readonly examples: number;
}

/** Of a rank that is all there is: nobody is asked. */
export const alone: Reduction = {
  rank: 0,
  size: 1,
  sum() {},
  begin() {},
  spread() {},
  supply() {},
  gather: (part) => [part],
  gridOf: () => undefined,
  keeping: keptAlone,
  working: () => undefined,
  secondsOf: (jobs) => jobs.map(() => 1),
  shareOut: (tasks) => ({ own: tasks.map(({ job }) => job), others: [], spread() {} }),
  measure: () => ({ latency: 0, bandwidth: Infinity }),
  meet: (_, sizes) => sizes().map((size) => placesOf([size], 0)),
  note() {},
  together: (step) => step(),
};
