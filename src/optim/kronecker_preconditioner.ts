/**
 * The preconditioner of the four Kronecker-factored optimizers.
 *
 * @module
 */

import type { Backend, Scalar } from "../backend/backend.ts";
import { isAway } from "../core/away.ts";
import { StateError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import { type Schedule, valueAt } from "../core/schedule.ts";
import type { DampingAdapter } from "../curvature/adaptation.ts";
import type { CurvatureEstimator, ObservedBatch } from "../curvature/estimator.ts";
import { factorSizes } from "../curvature/factor_sizes.ts";
import type { NoiseFactor } from "../curvature/noise_factor.ts";
import type { Refresh } from "../curvature/renewal.ts";
import type { RefreshPlan } from "../curvature/scheduler.ts";
import {
  areCounts,
  type Counters,
  isAmount,
  isCount,
  isUnderway,
  matricesUnderway,
  resumeUnderway,
  underwayCounts,
} from "./counters.ts";
import type { Preconditioner, PreconditionerRow, PreconditionerUpdate } from "./preconditioner.ts";
import type { Working } from "../distributed/working.ts";

/**
 * Preconditions by the damped inverse of each layer's block.
 *
 * @example The curvature inside an optimizer
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   createBackend,
 *   dense,
 *   objective,
 *   sequential,
 *   squaredError,
 *   tekfac,
 * } from "@tekfac/tekfac";
 * import { KroneckerPreconditioner } from "@tekfac/tekfac/optim";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * using optimizer = tekfac(objective(model, squaredError()));
 * const { preconditioner } = optimizer;
 * assert(preconditioner instanceof KroneckerPreconditioner);
 * assert.equal(preconditioner.estimator.blocks.length, 1);
 * ```
 */
export class KroneckerPreconditioner implements Preconditioner {
  readonly method: string;
  /** The model's curvature; owned. */
  readonly estimator: CurvatureEstimator;
  readonly adapter: DampingAdapter | undefined;
  readonly noise: NoiseFactor | undefined;
  /**
   * See {@linkcode Preconditioner.workers}.
   *
   * @internal
   */
  readonly workers: Working | undefined;
  readonly #backend: Backend;
  readonly #plan: RefreshPlan;
  /** What held for the blocks where a checkpoint was made, until its matrices are there, too. */
  #restored: readonly { readonly solved: boolean; readonly measured: boolean }[] = [];

  /**
   * Takes over the estimator, and what adapts its damping.
   *
   * @param more `adapter` and `noise`: what adapts the damping. `workers`: where ranks of a group share out the
   * directions.
   */
  constructor(
    backend: Backend,
    method: string,
    estimator: CurvatureEstimator,
    plan: RefreshPlan,
    { adapter, noise, workers }: Pick<Preconditioner, "adapter" | "noise" | "workers"> = {},
  ) {
    this.workers = workers;
    this.noise = noise;
    this.#backend = backend;
    this.method = method;
    this.estimator = estimator;
    this.adapter = adapter;
    this.#plan = plan;
  }

  get plan(): string {
    const { intervals, denseStart, staggered } = this.#plan;
    const every = (interval: Schedule): string =>
      `every ${valueAt(interval, 0)} steps${typeof interval === "number" ? "" : " at first"}`;
    const workers = this.workers === undefined ? "" : `; ${this.workers.plan}`;
    return `statistics ${every(intervals.statistics)}, bases ${every(intervals.basis)}` +
      `${staggered ? " (staggered)" : ""}, eigenvalues ${every(intervals.eigenvalues)}` +
      (denseStart === false
        ? ""
        : `; dense start: every one of the first ${denseStart.steps} steps, bases at steps ` +
          denseStart.basisAt.join(", ")) +
      workers;
  }

  get state(): Readonly<Record<string, Matrix>> {
    const matrices = this.estimator.blocks.flatMap(({ parameter, state }) =>
      Object.entries(state).map(([name, matrix]): [string, Matrix] => [
        `${parameter.name}.${name}`,
        matrix,
      ])
    );
    return {
      ...Object.fromEntries(matrices),
      ...(this.adapter && { "damping.factor": this.adapter.factor }),
      ...(this.noise && { "damping.noise": this.noise.factor }),
    };
  }

  counters(): Counters {
    const { averages, failures, blocks, refresher } = this.estimator;
    return {
      factorObservations: averages.factors.count,
      eigenvalueObservations: averages.eigenvalues.count,
      factorExamples: averages.factors.examples,
      eigenvalueExamples: averages.eigenvalues.examples,
      failures: [...failures],
      solved: blocks.map(({ solved }) => +solved),
      measured: blocks.map(({ measured = false }) => +measured),
      underway: underwayCounts(refresher, blocks),
    };
  }

  restore(counters: Counters): void {
    const { averages, failures, blocks, refresher } = this.estimator;
    const { factorObservations, eigenvalueObservations } = counters;
    // Earlier files do not have them: as if there had always been enough.
    const most = Number.MAX_SAFE_INTEGER;
    const { factorExamples = most, eigenvalueExamples = most } = counters;
    // Files of the first format say no more than whether anything was observed.
    const known = blocks.map(() => +(isCount(factorObservations) && factorObservations > 0));
    const { solved = known, measured = known, underway = [] } = counters;
    if (
      !isCount(factorObservations) || !isCount(eigenvalueObservations) ||
      !isAmount(factorExamples) || !isAmount(eigenvalueExamples) ||
      !areCounts(counters.failures, blocks.length) || !areCounts(solved, blocks.length, 1) ||
      !areCounts(measured, blocks.length, 1) || !isUnderway(underway, blocks)
    ) {
      throw new StateError("Cannot restore curvature: its counters are missing or damaged");
    }
    averages.factors.restore(factorObservations, factorExamples);
    averages.eigenvalues.restore(eigenvalueObservations, eigenvalueExamples);
    counters.failures.forEach((count, index) => failures[index] = count);
    resumeUnderway(refresher, underway as readonly number[], blocks);
    this.#restored = blocks.map((_, index) => ({
      solved: solved[index] === 1,
      measured: measured[index] === 1,
    }));
  }

  restored(): void {
    this.estimator.keepers.forgetTraces();
    this.#backend.scope(() => {
      this.estimator.blocks.forEach((block, index) => block.restored?.(this.#restored[index]));
    });
  }

  underway({ underway = [] }: Counters): Readonly<Record<string, Matrix>> {
    const { blocks } = this.estimator;
    if (isUnderway(underway, blocks)) {
      return matricesUnderway(underway as readonly number[], blocks);
    }
    throw new StateError("Cannot restore curvature: its counters are damaged");
  }

  update(step: number, batch: ObservedBatch): PreconditionerUpdate {
    return this.estimator.update(step, batch);
  }

  precondition(index: number, source: Matrix, step: number): Matrix {
    const block = this.estimator.blocks[index];
    const direction = this.#backend.scratch(source.rows, source.cols);
    const own = () => this.#backend.scope(() => block.precondition(direction, source, step));
    // Lambda belongs to the report of every rank.
    const others = () => {
      if (!block.lambdaOfRefresh) this.#backend.scope(() => block.lambda(step));
    };
    if (this.workers === undefined) own();
    else this.workers.make(index, { own, others });
    return direction;
  }

  mark(): () => void {
    return this.estimator.mark();
  }

  restart(): void {
    this.estimator.restart();
  }

  complete(): void {
    this.estimator.refresher.complete();
  }

  damping(index: number): Scalar | undefined {
    return this.estimator.blocks[index].damping.current;
  }

  effectiveShare(index: number): Matrix | undefined {
    return this.estimator.blocks[index].effectiveShare;
  }

  judge(index: number, refresh: Refresh, step: number): void {
    this.estimator.judge(index, refresh, step);
  }

  describe(index: number): PreconditionerRow {
    const block = this.estimator.blocks[index];
    const { method, state } = block;
    return {
      block: method,
      factors: factorSizes(block),
      elements: Object.values(state).reduce((sum, m) => isAway(m) ? sum : sum + m.rows * m.cols, 0),
    };
  }

  /** Nothing where another rank keeps the curvature. */
  spectrum(index: number): Matrix | undefined {
    const block = this.estimator.blocks[index];
    return this.estimator.keepers.keeps(block) ? block.spectrum() : undefined;
  }

  /**
   * See {@linkcode Preconditioner.parted}.
   *
   * @internal
   */
  get parted(): CurvatureEstimator | undefined {
    return this.estimator.keepers.divided ? this.estimator : undefined;
  }

  /** Disposes the estimator, its blocks and the adapter. */
  [Symbol.dispose](): void {
    this.estimator[Symbol.dispose]();
    this.adapter?.[Symbol.dispose]();
    this.noise?.[Symbol.dispose]();
  }
}
