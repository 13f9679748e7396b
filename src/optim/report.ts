/**
 * What a step tells about itself.
 *
 * @module
 */

import type { Refresh } from "../curvature/renewal.ts";
import type { StepLimit } from "./transforms/step_length.ts";

/** One layer's part of a {@linkcode StepReport}. */
export interface LayerReport {
  /** Name of the parameter. */
  readonly name: string;
  /** Which approximation preconditions it: `"tekfac"`, `"diagonal"`, `"none"`, ... */
  readonly block: string;
  /** Lambda of this step, or `undefined` where nothing is damped. */
  readonly damping: number | undefined;
  /** What became of the refresh of its basis, or `undefined` when none was due. */
  readonly refresh: Refresh | undefined;
  /**
   * Share of the observed examples that TEKFAC's and TKFAC's input factor is made of in effect, in (0, 1]:
   * `(sum w)^2 / (n sum w^2)`, `w = |g|^2`, of the last micro-batch. The smaller it is, the more have averages to
   * hold. `undefined` in a step that observes no statistics, where nothing is weighed, and of
   * convolutions with groups.
   */
  readonly effectiveShare: number | undefined;
}

/** What a trial step showed, in a step that adapts the damping. */
export interface AdaptationReport {
  /** Mean loss of the step's examples at the end of the step as the model saw it. */
  readonly loss: number;
  /** Change of the loss that the quadratic model predicted. */
  readonly predicted: number;
  /** rho: the actual change over the predicted one; 1 where the model is exact. */
  readonly reductionRatio: number;
  /** Factor of all layers' damping from the next step on. */
  readonly factor: number;
}

/** What happened in a step. A quantity that was not computed is `undefined`, never NaN. */
export interface StepReport {
  /** Number of the step, counted from 0. */
  readonly step: number;
  /** Mean loss over the step's examples, before the update. */
  readonly loss: number;
  /** Examples of the step, all micro-batches together. */
  readonly examples: number;
  /** The learning rate. */
  readonly learningRate: number;
  /** Factor of the clipped update. */
  readonly annealing: number;
  /** s, another factor of the update and of the decay, see `Settling`; `undefined` where steps do not settle. */
  readonly settling: number | undefined;
  /** nu, the factor of the directions before the learning rate; 1 when no bound did bind. */
  readonly clipFactor: number;
  /** Which bound decided nu. */
  readonly limitedBy: StepLimit;
  /** Factor of the gradients, 1 unless they are clipped; `undefined` without a gradient clip. */
  readonly gradientFactor: number | undefined;
  /**
   * chi: running mean of the batch's curvature along a step over the sum of its layers' own; `undefined` where it is
   * not measured.
   */
  readonly curvature: number | undefined;
  /** Euclidean norm of the gradient of the mean loss, all parameters together. */
  readonly gradientNorm: number;
  /** Sum over layers of `<U, source>`: update direction times the (averaged) gradient it came from. */
  readonly innerProduct: number;
  /** One entry per parameter, in the model's order. */
  readonly layers: readonly LayerReport[];
  /**
   * What was observed in this step: false where nothing was due, or where the batch was so far out of scale that it
   * was left out. On a GPU, where the device decides that, what was due.
   */
  readonly observed: { readonly statistics: boolean; readonly eigenvalues: boolean };
  /** How the damping was adapted, or `undefined` in a step that does not adapt it. */
  readonly adaptation: AdaptationReport | undefined;
  /** Wall-clock time of the step. */
  readonly milliseconds: number;
}

/** A step that has been enqueued. */
export interface StepHandle {
  /** The report, where it is known already: on a synchronous backend. */
  readonly known?: StepReport;
  /**
   * Reads the report back.
   *
   * @throws {NumericalError} When the step was refused because its loss, a gradient or its update was not finite; on a
   * GPU also when one was that had been enqueued before it: neither has been then.
   */
  report(): Promise<StepReport>;
}
