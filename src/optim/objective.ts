/**
 * What an optimizer must be able to ask of a model and its loss. Our own `nn` fulfils it, and so can
 * any other model.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture, CurvatureSample, Places } from "../core/capture.ts";
import { OptionError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import type { Random } from "../core/random.ts";
import type { LayerBlock } from "../curvature/blocks/block.ts";

/** How the gradients of a micro-batch enter the parameters' gradients. */
export interface GradientBlend {
  /** Weight of what the gradients held: 0 for the first micro-batch of a step, 1 for the others. */
  readonly decay: number;
  /** Weight of the sum of per-example gradients: one over the examples of the whole step. */
  readonly scale: number;
  /**
   * Where the examples are among those of all ranks of a group: what a model draws for an example, such as dropout,
   * follows from its place. @default {they are all there are}
   */
  readonly places?: Places | undefined;
}

/**
 * A model with its loss, as an optimizer sees it.
 *
 * Everything returned lives in the backend's scratch arena, until the scope ends in which the method
 * was called.
 *
 * @typeParam B What a batch of examples is.
 */
export interface Objective<B> {
  /** Where the parameters live. */
  readonly backend: Backend;
  /** All trainable matrices, in a fixed order. */
  readonly parameters: readonly Parameter[];

  /**
   * What the model remembers besides its parameters, such as running statistics, by name; part of a
   * checkpoint.
   *
   * @default {nothing}
   */
  readonly state?: Readonly<Record<string, Matrix>>;
  /**
   * Passes that have left gradients so far, from which follows what the next one draws; part of a
   * checkpoint. Needed where a pass draws random numbers (dropout).
   */
  passes?: number;

  /** What the model is made of, as JSON; checkpoints of another are refused. Not compared where it is left out. */
  readonly model?: { readonly architecture?: string | undefined };
  /**
   * Which loss it is; checkpoints of another are refused. Not compared where it is left out. Of one `inNats`, which may
   * be negative, optimizers take 1 where they would take the loss as a measure of how far there is to go; one that is
   * `quadratic` in the outputs allows long first steps.
   */
  readonly loss?: {
    readonly kind?: string;
    readonly inNats?: boolean;
    readonly quadratic?: boolean;
  };

  /**
   * Number of examples of a batch.
   *
   * @throws {ShapeError | DataError} When the batch does not fit the model: wrong sizes, labels out of
   * range, NaN or infinity.
   */
  examplesOf(batch: B): number;

  /**
   * Forward and backward pass: adds to the parameters' gradients and leaves captures.
   *
   * @param batch The examples.
   * @param blend How gradients are added, or `undefined` when only captures are wanted.
   * @param as With `prediction`, only asked for without a blend, the model is the one that predicts: running
   * moments, nothing dropped. Models that know no difference need not look at it. @default {"training"}
   * @returns The per-example losses, [1, N].
   */
  differentiate(
    batch: B,
    blend: GradientBlend | undefined,
    as?: "training" | "prediction",
  ): Matrix;

  /**
   * Runs `body`; when a {@linkcode Objective.differentiate} inside has completed gradients, `listener` is told whose, and
   * may overwrite them: ranks of a group sum them while the pass goes on. Not for an objective that changes gradients
   * after those of another one.
   *
   * @default {gradients are complete when `differentiate` returns}
   */
  announcing?<T>(listener: (parameters: readonly Parameter[]) => void, body: () => T): T;

  /**
   * Forward pass alone: the per-example losses, [1, N], at the parameters as they are now. Only asked for
   * where damping is adapted, after a step's curvature has been observed; where it is missing,
   * {@linkcode Objective.differentiate} stands in. `false` where the model cannot be asked for its loss at
   * other weights than those it was differentiated at; damping is then not adapted.
   *
   * Where a model's forward pass leaves traces (running statistics) or draws random numbers (dropout),
   * this pass must be a repetition of the step's own: the same draws, and no trace.
   */
  readonly losses?: ((batch: B) => Matrix) | false;

  /**
   * Replaces the captures of the last {@linkcode Objective.differentiate} by those of curvature at the model's
   * own prediction, for the first examples of the batch alone: an estimate of it needs fewer than a gradient
   * does. Gradients of parameters stay. One that observes all examples all the same is good enough.
   *
   * @param random Draws signs or targets.
   */
  differentiateSampled(random: Random, sample: CurvatureSample): void;

  /**
   * Whether {@linkcode Objective.differentiateSampled} can be asked for at any time. Where it is `false`, the
   * curvature is that of the data's own targets unless another is asked for.
   *
   * @default {true}
   */
  readonly canSample?: boolean;

  /**
   * Makes the block of a parameter's layer, where it has one of its own for the Kronecker-factored optimizers.
   *
   * @default {none has}
   */
  blockOf?(parameter: Parameter): LayerBlock | undefined;

  /** The capture that a parameter's layer left behind, or `undefined` if it leaves none. */
  capture(parameter: Parameter): Capture | undefined;
}

/**
 * Refuses what people give in an objective's place.
 *
 * @throws {OptionError} Says what to write.
 */
export function checkObjective(subject: string, objective: unknown): void {
  const { differentiate, forward, parameters } = (objective ?? {}) as Record<string, unknown>;
  if (typeof differentiate === "function" && Array.isArray(parameters)) return;
  const expectation = typeof forward === "function"
    ? "must be a model with its loss, objective(model, loss), instead of the model alone"
    : "must be a model with its loss, as objective(model, loss) and externalModel(...) make it";
  throw new OptionError(subject, "objective", expectation, typeof objective);
}
