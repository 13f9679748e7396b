/**
 * What turns a gradient into a direction. The rest of a step (clip, momentum, decay, learning rate) is
 * the same for all optimizers.
 *
 * @module
 */

import type { Scalar } from "../backend/backend.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Schedule } from "../core/schedule.ts";
import type { DampingAdapter } from "../curvature/adaptation.ts";
import type { CurvatureEstimator, CurvatureUpdate, ObservedBatch } from "../curvature/estimator.ts";
import type { NoiseFactor } from "../curvature/noise_factor.ts";
import type { Refresh } from "../curvature/renewal.ts";
import type { Counters } from "./counters.ts";
import type { Working } from "../distributed/working.ts";

/** How one parameter is preconditioned, for tables. */
export interface PreconditionerRow {
  /** `"tekfac"`, `"diagonal"`, `"adam"`, `"none"`. */
  readonly block: string;
  /** Sizes of the factors, `"10 x 10, 257 x 257"`, or an empty string. */
  readonly factors: string;
  /** Numbers of state it keeps. */
  readonly elements: number;
}

/**
 * Turns gradients into directions. Called once per step, all parameters in the model's order. What only some can
 * do is optional.
 */
export interface Preconditioner extends Disposable {
  /** Name of the optimizer it makes: `"sgd"`, `"tekfac"`. */
  readonly method: string;
  /** When what is renewed, in words. */
  readonly plan: string;
  /** Its matrices by `parameter.matrix`; for checkpoints. */
  readonly state: Readonly<Record<string, Matrix>>;

  /**
   * The direction for one parameter: `P source`. Inside the step's scope.
   *
   * @param index Of the parameter.
   * @returns A scratch matrix, or `source` itself where nothing is to be done.
   */
  precondition(index: number, source: Matrix, step: number): Matrix;

  /**
   * Who makes which directions, where ranks of a group share them out: on the others
   * {@linkcode Preconditioner.precondition} leaves room for them.
   *
   * @internal
   */
  readonly workers?: Working | undefined;

  /** How a parameter is preconditioned. */
  describe(index: number): PreconditionerRow;

  /** Learning rate of a parameter that has one of its own where no group gives it one. */
  ownRate?(index: number): Schedule | undefined;

  /**
   * Observes a step whose loss and gradient are known to be finite, before its directions are asked for.
   * Inside the step's scope.
   *
   * @returns What was observed, and what became of each parameter's refresh.
   */
  update?(step: number, batch: ObservedBatch): PreconditionerUpdate;

  /** Its counters; for checkpoints. */
  counters?(): Counters;
  /**
   * Takes counters back; the matrices of {@linkcode Preconditioner.state} are overwritten after it.
   *
   * @throws {StateError} When one is missing or damaged. Nothing is changed then.
   */
  restore?(counters: Counters): void;
  /** Told when the matrices have been overwritten, too. */
  restored?(): void;
  /**
   * The matrices of work under way, as counters tell of it; for checkpoints. Makes room for them.
   *
   * @throws {StateError} When the counters are damaged.
   */
  underway?(counters: Counters): Readonly<Record<string, Matrix>>;

  /**
   * Notes all that it holds besides matrices; the result puts it back, and drops work that has been begun since. A
   * step that is refused calls it. Left out where {@linkcode Preconditioner.counters} are all there is.
   */
  mark?(): () => void;

  /** Begins averages anew, since layers are trained again whose curvature has not been followed. */
  restart?(): void;

  /** Waits for work under way, so that all state is in matrices; what it found is taken over when it would be. */
  complete?(): void;

  /**
   * Told what became of a parameter's refresh, where that is only known when a report is read.
   *
   * @throws {NumericalError} When refreshes of this layer keep failing.
   */
  judge?(index: number, refresh: Refresh, step: number): void;

  /** Lambda in force for a parameter, where it is damped. */
  damping?(index: number): Scalar | undefined;
  /** Share of the examples that its curvature is made of in effect, [1, 1], where it weighs them. */
  effectiveShare?(index: number): Matrix | undefined;
  /** Adapts the damping, where that is asked for; owned. */
  readonly adapter?: DampingAdapter | undefined;
  /** Told what each step promises, where damping takes notice of it; owned. */
  readonly noise?: NoiseFactor | undefined;
  /** Eigenvalues of a parameter's curvature, in any order, in scratch memory. */
  spectrum?(index: number): Matrix | undefined;

  /**
   * The curvature, where ranks of a group keep different parts of it.
   *
   * @internal
   */
  readonly parted?: Pick<CurvatureEstimator, "keepers" | "blocks"> | undefined;
}

/** What a preconditioner did in a step. */
export type PreconditionerUpdate = CurvatureUpdate;

/** What a preconditioner did that observes no captures and renews nothing. */
export const NOTHING_RENEWED: PreconditionerUpdate = {
  observed: { statistics: false, eigenvalues: false },
  renewals: [],
};

/**
 * No preconditioning: the direction is the gradient, as in SGD.
 *
 * @example What SGD has
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, objective, sequential, sgd, squaredError } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * using optimizer = sgd(objective(model, squaredError()));
 * assert(optimizer.preconditioner instanceof NoPreconditioner);
 * ```
 */
export class NoPreconditioner implements Preconditioner {
  readonly method = "sgd";
  readonly plan = "nothing to renew";
  readonly state: Readonly<Record<string, Matrix>> = {};

  precondition(_index: number, source: Matrix): Matrix {
    return source;
  }

  describe(): PreconditionerRow {
    return { block: "none", factors: "", elements: 0 };
  }

  /** Nothing to give back. */
  [Symbol.dispose](): void {}
}
