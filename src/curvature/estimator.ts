/**
 * The curvature of a whole model: one block per parameter, observed and refreshed together.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { atLayer } from "../core/at_layer.ts";
import type { Capture } from "../core/capture.ts";
import { StateError } from "../core/errors.ts";
import { markAll } from "../core/marks.ts";
import type { Matrix } from "../core/matrix.ts";
import { isTrainable, leavesCaptures, type Parameter } from "../core/parameter.ts";
import type { Keeping } from "../distributed/keeping.ts";
import type { Summand } from "../distributed/packing.ts";
import { alone, type Reduction } from "../distributed/reduction.ts";
import { type Schedule, valueAt } from "../core/schedule.ts";
import { FailureCounts, type Refresh, type Renewal } from "./renewal.ts";
import type { Block } from "./blocks/block.ts";
import { type Averaging, continued, MovingAverage, type Observation } from "./moving_average.ts";
import { type LocationsOfTheta, positionsApart } from "./positions_apart.ts";
import { judged } from "./judged.ts";
import { Refresher, type RefreshMode, type RefreshOutcome } from "./refresher.ts";
import { dueAt, type DueWork, type RefreshPlan } from "./scheduler.ts";

/** What the estimator needs to know besides its blocks. */
export interface EstimatorOptions {
  /** When what is due. */
  readonly plan: RefreshPlan;
  /** How averages begin. */
  readonly averaging: Averaging;
  /** Weight of the past in the average of the factors, in [0, 1). */
  readonly factorDecay: Schedule;
  /** Weight of the past in the average of the eigenvalues, in [0, 1). */
  readonly eigenvalueDecay: Schedule;
  /** A basis stands while its off-diagonal share is at most this. */
  readonly staleness: number;
  /** Whether steps wait for bases. */
  readonly refresh: Required<RefreshMode>;
  /** Failed refreshes of a layer in a row that are tolerated before the step throws. */
  readonly toleratedFailures: number;
  /** What eigenvalues are measured of, where an example has several locations. @default {"summed"} */
  readonly positions?: LocationsOfTheta;
  /** Who else observes; eigenproblems are shared out among them. @default {nobody} */
  readonly reduction?: Reduction;
  /** Which of them keep which blocks; taken over. @default {all of them all} */
  readonly keepers?: Keeping<Block>;
}

/** The examples of a step, as the estimator sees them. */
export interface ObservedBatch {
  /** Observed examples of the whole step, all micro-batches, and all ranks of a group, together. */
  readonly examples: number;
  /** Examples that the mean gradient is of. */
  readonly gradientExamples: number;
  /** What the mean gradient is multiplied with where it is observed, [1, 1]; nothing where left out. */
  readonly gradientScale?: Matrix | undefined;
  /**
   * Calls `visit` once per micro-batch, while that micro-batch's captures are live; not for one that is left
   * out.
   */
  forEachCapture(visit: (captureOf: (parameter: Parameter) => Capture | undefined) => void): void;
}

/** What an update did. */
export interface CurvatureUpdate {
  /** Whether the batch entered factors and eigenvalues. */
  readonly observed: { readonly statistics: boolean; readonly eigenvalues: boolean };
  /** What became of each block's refresh; `undefined` where none was due. */
  readonly renewals: readonly (Renewal | undefined)[];
}

/**
 * Owns the blocks of a model and decides, step by step, what they observe and when they refresh.
 *
 * @example One layer, one batch: the trace of TEKFAC is the mean squared gradient
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { CurvatureEstimator, resolvePlan, TekfacBlock } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { dense, sequential } from "@tekfac/tekfac/nn";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * const layers = [dense(1, { bias: false })];
 * using model = sequential(backend, { input: [2], layers, seed: 1 });
 * const [parameter] = model.parameters;
 * const damping = { kind: "absolute", lambda: 0.5 } as const;
 * using estimator = new CurvatureEstimator(
 *   backend,
 *   [new TekfacBlock(backend, parameter, { damping })],
 *   {
 *     plan: resolvePlan("Cannot observe", {}),
 *     averaging: "corrected",
 *     factorDecay: 0.95,
 *     eigenvalueDecay: 0.95,
 *     staleness: 0,
 *     refresh: { kind: "immediate" },
 *     toleratedFailures: 0,
 *   },
 * );
 *
 * // Two examples: inputs (2, 0) and (0, 1), output gradients 1 and 3.
 * using inputs = upload(backend, denseMatrix(2, 2, [2, 0, 0, 1]));
 * using outputGradients = upload(backend, denseMatrix(2, 1, [1, 3]));
 * const capture = { kind: "dense", examples: 2, inputs, outputGradients } as const;
 * backend.scope(() => {
 *   const { renewals: [renewal] } = estimator.update(0, {
 *     examples: 2,
 *     gradientExamples: 2,
 *     forEachCapture: (visit) => visit((of) => of === parameter ? capture : undefined),
 *   });
 *   assert(renewal !== undefined); // all is due at step 0
 *   const spectrum = backend.readSync(estimator.blocks[0].spectrum());
 *   const meanSquare = (2 ** 2 * 1 ** 2 + 1 ** 2 * 3 ** 2) / 2;
 *   allClose([spectrum[0] + spectrum[1]], [meanSquare], { relative: 1e-12 });
 * });
 * ```
 */
export class CurvatureEstimator implements Disposable {
  /** One block per parameter, in the parameters' order. */
  readonly blocks: readonly Block[];
  /** Bookkeeping of the two averages; part of a checkpoint. */
  readonly averages: { readonly factors: MovingAverage; readonly eigenvalues: MovingAverage };
  /** Which ranks of a group keep which blocks. */
  readonly keepers: Keeping<Block>;
  readonly #backend: Backend;
  readonly #options: EstimatorOptions;
  readonly #failures: FailureCounts;
  readonly #refresher: Refresher<Block>;

  /** Takes over the blocks: disposing the estimator disposes them. */
  constructor(backend: Backend, blocks: readonly Block[], options: EstimatorOptions) {
    this.#backend = backend;
    this.blocks = blocks;
    this.#options = options;
    this.averages = {
      factors: new MovingAverage(options.averaging),
      eigenvalues: new MovingAverage(options.averaging),
    };
    const names = blocks.map(({ parameter }) => parameter.name);
    this.#failures = new FailureCounts(names, options.toleratedFailures);
    const { refresh, staleness, reduction = alone } = options;
    this.keepers = options.keepers ?? reduction.keeping(blocks.length);
    if (options.keepers === undefined) { for (const block of blocks) this.keepers.admit(block); }
    this.#refresher = new Refresher(backend, refresh, staleness, reduction, this.keepers);
  }

  /** Failed refreshes in a row, per block; part of a checkpoint. */
  get failures(): number[] {
    return this.#failures.counts;
  }

  /** What is due at a step; all of it where nothing has been observed yet. */
  dueAt(step: number): DueWork {
    const { count } = this.averages.factors;
    return dueAt(this.#options.plan, count === 0 ? 0 : step, this.blocks.length);
  }

  /** Begins the averages anew: the next observation counts as the first. */
  restart(): void {
    this.averages.factors.restore(0, 0);
    this.averages.eigenvalues.restore(0, 0);
  }

  /** Notes all that is no matrix; the result puts it back. */
  mark(): () => void {
    const { factors, eigenvalues } = this.averages;
    return markAll([factors, eigenvalues, this.#failures, this.#refresher, ...this.blocks]);
  }

  /**
   * Statistics, then bases, then eigenvalues, as far as they are due. Must be called inside a scope.
   *
   * @returns What was observed, where it was not left out, and what became of each block's refresh.
   * @throws {NumericalError} When a layer's refresh has failed more often in a row than is tolerated.
   */
  update(step: number, batch: ObservedBatch): CurvatureUpdate {
    const due = this.dueAt(step);
    const { factorDecay, eigenvalueDecay } = this.#options;
    let [statistics, eigenvalues] = [false, false];
    if (due.statistics) statistics = this.#observeStatistics(batch, valueAt(factorDecay, step));
    // Inverses have lambda inside.
    this.keepers.shareTraces();
    const blocks = due.bases.map((index) => this.blocks[index]).filter(isObserved);
    const renewals = this.#adopt(step, this.#refresher.refresh(step, blocks));
    if (due.eigenvalues) {
      eigenvalues = this.#observeEigenvalues(batch, valueAt(eigenvalueDecay, step));
    }
    this.keepers.shareTraces();
    return { observed: { statistics, eigenvalues }, renewals };
  }

  /**
   * Counts failed refreshes of a layer in a row. On an asynchronous backend it is called when a step's
   * report is read.
   *
   * @throws {NumericalError} When there were more than is tolerated.
   */
  judge(index: number, refresh: Refresh, step: number): void {
    this.#failures.judge(index, refresh, step);
  }

  /** A refresh that is under way beside the steps; part of a checkpoint. */
  get refresher(): Pick<Refresher<Block>, "underway" | "complete" | "resume"> {
    return this.#refresher;
  }

  /** Disposes the blocks. */
  [Symbol.dispose](): void {
    this.#refresher.cancel();
    for (const block of this.blocks) block[Symbol.dispose]();
    this.keepers[Symbol.dispose]();
  }

  /** @returns Whether there was something to observe. */
  #observeStatistics(batch: ObservedBatch, beta: number): boolean {
    const look: Look = {
      visit(block, capture, part) {
        if (capture.kind !== "elements") block.observeStatistics?.(capture, part);
      },
      sums: ({ sums }) => sums.statistics,
      lent: ({ lent }) => lent?.statistics ?? [],
    };
    const observation = this.#observe(batch, this.averages.factors, beta, look);
    if (observation === undefined) return false;
    if (observation.decay !== 0) return true;
    const found: Block[] = [];
    const seeking = this.blocks.filter((block) => isObserved(block) && block.findBasis);
    this.keepers.visit(seeking, { lent: ({ state }) => Object.values(state) }, (some) => {
      const finds = (block: Block) =>
        atLayer(block.parameter.name, () => block.findBasis!(batch.examples));
      found.push(...some.filter(finds));
    });
    if (found.length > 0) this.#look(batch, observation, look, found);
    return true;
  }

  /** @returns Whether there was something to observe. */
  #observeEigenvalues(batch: ObservedBatch, beta: number): boolean {
    const { eigenvalues } = this.averages;
    const fromGradient = new Set(
      this.blocks.filter(isObserved).filter(({ eigenvaluesFrom }) =>
        eigenvaluesFrom === "gradient" || eigenvaluesFrom === "either"
      ),
    );
    const apart = this.#options.positions === "apart";
    const observation = this.#observe(batch, eigenvalues, beta, {
      visit: (block, capture, part) => {
        if (block.eigenvaluesFrom === "gradient") return;
        fromGradient.delete(block);
        block.observeEigenvalues?.(apart ? positionsApart(this.#backend, capture) : capture, part);
      },
      sums: ({ eigenvaluesFrom, sums }) => eigenvaluesFrom === "gradient" ? [] : sums.eigenvalues,
      lent: ({ eigenvaluesFrom, lent }) =>
        eigenvaluesFrom === "gradient" ? [] : lent?.eigenvalues ?? [],
    });
    if (observation === undefined) return false;
    const { decay, scale } = observation;
    // A sum over examples of squares of the mean gradient: each counts as the examples' own would.
    const count = batch.gradientExamples;
    const blend = { decay, scale: scale * batch.examples / count };
    const gradientScale = fromGradient.size > 0 ? batch.gradientScale : undefined;
    for (const block of fromGradient) {
      if (!this.keepers.keeps(block)) continue;
      const { gradient, name } = block.parameter;
      atLayer(name, () => {
        this.#backend.scope(() => {
          block.observeMeanGradient?.(this.#scaled(gradient, gradientScale), count, blend);
        });
      });
    }
    return true;
  }

  #scaled(gradient: Matrix, scale: Matrix | undefined): Matrix {
    if (scale === undefined) return gradient;
    const out = this.#backend.scratch(gradient.rows, gradient.cols);
    this.#backend.axpby(out, scale, gradient, 0);
    return out;
  }

  /**
   * One observation of an average. Where all captures are left out it does not count; the result is then
   * `undefined`.
   */
  #observe(
    batch: ObservedBatch,
    average: MovingAverage,
    decay: number,
    look: Look,
  ): Observation | undefined {
    const uncount = average.mark();
    const first = average.observe(decay, batch.examples);
    if (this.#look(batch, first, look, this.blocks)) return first;
    uncount();
    return undefined;
  }

  /**
   * Shows blocks the captures of a batch, and sums over all ranks what they make of them: at the end, or, where ranks
   * keep different blocks, at once, since what they are lent is lost.
   *
   * @returns Whether there were any.
   */
  #look(
    batch: ObservedBatch,
    first: Observation,
    { visit, sums, lent }: Look,
    blocks: readonly Block[],
  ): boolean {
    const { keepers } = this;
    const { reduction = alone } = this.#options;
    let [part, seen] = [first, false];
    const visited = new Set<Block>();
    batch.forEachCapture((captureOf) => {
      seen = true;
      const captures = new Map<Block, Capture>();
      for (const block of blocks) {
        const capture = captureFor(block, captureOf);
        if (capture !== undefined) captures.set(block, capture);
      }
      const fresh = keepers.divided || visited.size === 0;
      const room = (block: Block) => sums(block).map(({ matrix }) => matrix);
      keepers.visit([...captures.keys()], { lent, room }, (some) => {
        for (const block of some) {
          // The past is in the sum once.
          const own = fresh && !keepers.speaksFor(block) ? { ...part, decay: 0 } : part;
          atLayer(block.parameter.name, () => {
            this.#backend.scope(() => visit(block, captures.get(block)!, own));
          });
        }
        if (keepers.divided) reduction.sum(...some.flatMap(sums));
      });
      for (const block of captures.keys()) visited.add(block);
      part = continued(part);
    });
    if (!keepers.divided) reduction.sum(...[...visited].flatMap(sums));
    keepers.forgetTraces();
    return seen;
  }

  #adopt(
    step: number,
    outcomes: readonly RefreshOutcome<Block>[],
  ): readonly (Renewal | undefined)[] {
    const by = { failures: this.#failures, refresher: this.#refresher };
    return judged(this.#backend, this.blocks, outcomes, by, step);
  }
}

/** What is done with captures. */
interface Look {
  /** Adds one of a block's layer. */
  readonly visit: (block: Block, capture: Capture, part: Observation) => void;
  /** What it has been added to. */
  readonly sums: (block: Block) => readonly Summand[];
  /** What it reads of the block. */
  readonly lent: (block: Block) => readonly Matrix[];
}

function isObserved({ parameter }: Block): boolean {
  return isTrainable(parameter);
}

/** The capture of a block's layer; `undefined` where layers of its kind need not leave one. */
function captureFor(
  { parameter }: Block,
  captureOf: (parameter: Parameter) => Capture | undefined,
): Capture | undefined {
  if (!isTrainable(parameter)) return undefined;
  const capture = captureOf(parameter);
  if (capture !== undefined || !leavesCaptures(parameter.layer)) return capture;
  throw new StateError(
    `Cannot observe curvature: layer '${parameter.name}' left no capture; run a backward pass ` +
      "first, or give its parameter the layer kind 'other'",
  );
}
