/**
 * What a loss is to a model: a verb of the backend, plus what the host must know about targets.
 *
 * @module
 */

import type { LossKind } from "../../backend/backend.ts";
import type { VerbExtension } from "../../backend/extension.ts";
import type { Random } from "../../core/random.ts";

/**
 * A loss of one prediction, as a function of the model's K outputs and the targets. An example is one
 * prediction; where the model gives sequences [T, K], the sum of T of them, or their mean where a loss is `perPosition`.
 * The mean over examples is taken by whoever asks for gradients.
 *
 * Each is the negative logarithm (up to a constant) of a probability, so targets can be drawn from
 * the model's own prediction; that is what the Monte-Carlo Fisher needs. Losses have no state.
 */
export interface Loss {
  /** The verb's name for it; formulas and distributions are in its documentation. */
  readonly kind: LossKind;

  /** Verbs that have to be loaded for it. @default {none: all backends have them} */
  readonly verbs?: VerbExtension;

  /** A number that the verb needs besides, such as delta. @default {0} */
  readonly parameter?: number;

  /**
   * Whether it is minus the logarithm of a density that may exceed 1, and so may be negative: then it does not tell how
   * far there is to go, and nothing is measured by it.
   *
   * @default {false}
   */
  readonly inNats?: boolean;

  /**
   * Whether it is a quadratic function of the outputs: its curvature there is the same however far a step moves them, so
   * that first steps may be long (`Opening`).
   *
   * @default {false}
   */
  readonly quadratic?: boolean;

  /** Whether the loss of a sequence is the mean over its positions, and not the sum. @default {false} */
  readonly perPosition?: boolean;

  /**
   * Shape of the targets of N predictions, and of the noise that draws them.
   *
   * @throws {ShapeError} When it cannot be of so many outputs.
   */
  targetShape(predictions: number, outputs: number): readonly [rows: number, cols: number];

  /**
   * Checks the values of targets (their number has been checked).
   *
   * @param targets Of N predictions, row by row.
   * @param outputs K.
   * @param positions Predictions of an example, for messages. @default {1}
   * @throws {DataError} When one of them is impossible; names the example and the value.
   */
  checkTargets(targets: ArrayLike<number>, outputs: number, positions?: number): void;

  /**
   * Draws what `sampledLossGradient` needs to draw targets: uniform or standard normal numbers.
   *
   * They are float32 numbers, so that backends of any precision draw the same targets.
   *
   * @param random Where the numbers come from.
   * @param count How many: as many as there are targets.
   */
  drawNoise(random: Random, count: number): Float32Array;

  /**
   * How many predictions a classifier gets right; absent where targets are no classes.
   *
   * @param outputs [N, K] row by row.
   * @param targets Labels, N.
   */
  readonly countCorrect?: (outputs: ArrayLike<number>, targets: ArrayLike<number>) => number;
}
