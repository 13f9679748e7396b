/**
 * The loss of a model's predictions, of which an example may have one or one for each of its positions.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { CurvatureSample } from "../core/capture.ts";
import { ShapeError } from "../core/errors.ts";
import { columnsOf, type Matrix, reshaped, rowsOf } from "../core/matrix.ts";
import type { Random } from "../core/random.ts";
import { sizeOf } from "./example_shape.ts";
import type { Loss } from "./losses/loss.ts";
import { drawnAt, drawSigns } from "./losses/noise.ts";
import type { ExampleShape, PositionMask } from "./module.ts";
import { realRows } from "./position_mask.ts";

/** Losses of examples and what is propagated back from their predictions. */
export interface PredictionGradients {
  /** Of each example, [1, N]. */
  readonly losses: Matrix;
  /** Gradient of each example's loss in its predictions, [N T, K]. */
  readonly gradients: Matrix;
}

/** How much each prediction of a batch counts. */
export interface Counting {
  /** Of examples, [N]. */
  readonly weights?: ArrayLike<number> | undefined;
  /** Which positions are real. */
  readonly mask?: PositionMask | undefined;
}

/** A loss over the outputs of a model. */
export class PredictionLoss {
  /** T, predictions of an example. */
  readonly positions: number;
  /** K, numbers of a prediction. */
  readonly outputs: number;
  /** Targets of an example. */
  readonly targets: number;
  readonly #backend: Backend;
  readonly #loss: Loss;

  /**
   * Of a model whose examples give outputs of a shape: sequences have a prediction at each position.
   *
   * @throws {ShapeError} When the loss cannot be of so many outputs.
   */
  constructor(backend: Backend, loss: Loss, output: ExampleShape) {
    this.#backend = backend;
    this.#loss = loss;
    if (loss.verbs !== undefined) backend.extend(loss.verbs);
    this.positions = output.length === 2 ? output[0] : 1;
    this.outputs = sizeOf(output) / this.positions;
    const [rows, cols] = loss.targetShape(this.positions, this.outputs);
    this.targets = rows * cols;
  }

  /**
   * Losses and gradients.
   *
   * @param predictions [N T, K].
   * @param targets Of all examples, on the backend already or not; at padded positions they may be any number.
   * @param counting How much examples count, and which positions do.
   */
  of(
    predictions: Matrix,
    targets: Matrix | ArrayLike<number>,
    counting: Counting,
  ): PredictionGradients {
    const backend = this.#backend;
    const { kind, parameter } = this.#loss;
    const count = predictions.rows;
    const each = backend.scratch(1, count);
    const gradients = backend.scratch(count, this.outputs);
    const real = "storage" in targets ? targets : this.realTargets(targets, counting.mask?.real);
    backend.loss(kind, each, gradients, predictions, this.#onBackend(real, count), parameter);
    const factors = this.#factors(count, counting);
    this.#weigh(gradients, factors);
    this.#weigh(reshaped(each, count, 1), factors);
    return { losses: this.#sums(each), gradients };
  }

  /** What is propagated back for the curvature of the first examples, [n T, K]. */
  sampled(
    random: Random,
    { from, examples, places }: CurvatureSample,
    predictions: Matrix,
    counting: Counting,
  ): Matrix {
    const backend = this.#backend;
    const loss = this.#loss;
    const count = examples * this.positions;
    const z = rowsOf(predictions, 0, count);
    const gradients = backend.scratch(count, this.outputs);
    const drawn = (numbers: number, draw: (count: number) => Float32Array) =>
      places === undefined ? draw(numbers) : drawnAt(places, numbers / examples, draw);
    if (from === "signs") {
      const signs = backend.scratch(count, this.outputs);
      backend.write(signs, drawn(count * this.outputs, (n) => drawSigns(random, n)));
      backend.gaussNewtonGradient(loss.kind, gradients, z, signs);
    } else {
      const [rows, cols] = loss.targetShape(count, this.outputs);
      const noise = this.#onBackend(drawn(rows * cols, (n) => loss.drawNoise(random, n)), count);
      backend.sampledLossGradient(loss.kind, gradients, z, noise);
    }
    // A mean of losses has the mean of their Hessians: a root of it has the root of the weight.
    this.#weigh(gradients, this.#factors(count, counting), Math.sqrt);
    return gradients;
  }

  /** Targets with zeros at the positions of padding. */
  realTargets(targets: ArrayLike<number>, real: Float32Array | undefined): ArrayLike<number> {
    if (real === undefined || this.positions === 1) return targets;
    const each = this.targets / this.positions;
    return Float64Array.from(
      { length: targets.length },
      (_, i) => real[Math.floor(i / each)] === 0 ? 0 : targets[i],
    );
  }

  /** The rows of `each` numbers of predictions that count, one after the other. */
  realOnly(
    numbers: ArrayLike<number>,
    each: number,
    real: Float32Array | undefined,
  ): ArrayLike<number> {
    return real === undefined || this.positions === 1 ? numbers : realRows(numbers, each, real);
  }

  /** How much each prediction counts: a number for all, or one for each. */
  #factors(count: number, { weights, mask }: Counting): number | Float64Array {
    const { positions } = this;
    const share = this.#loss.perPosition ? 1 / positions : 1;
    const padded = positions > 1 ? mask : undefined;
    if (weights === undefined && padded === undefined) return share;
    this.#checkMask(padded);
    return Float64Array.from({ length: count }, (_, i) => {
      const n = Math.floor(i / positions), weight = weights?.[n] ?? 1;
      if (padded === undefined) return share * weight;
      return weight * padded.real[i] * (this.#loss.perPosition ? 1 / padded.counts[n] : 1);
    });
  }

  /** Positions of padding are those of the inputs. */
  #checkMask(mask: PositionMask | undefined): void {
    if (mask === undefined) return;
    const positions = mask.real.length / mask.counts.length;
    if (positions === this.positions) return;
    throw new ShapeError(
      "Cannot take the loss of sequences with padding",
      `predictions at the ${positions} positions of the inputs`,
      `${this.positions} predictions`,
    );
  }

  #weigh(
    rows: Matrix,
    factors: number | Float64Array,
    of: (factor: number) => number = (factor) => factor,
  ): void {
    const backend = this.#backend;
    if (typeof factors === "number") {
      if (factors !== 1) backend.axpby(rows, of(factors), rows, 0);
      return;
    }
    const weights = backend.scratch(1, rows.rows);
    backend.write(weights, factors.map(of));
    backend.scaleRows(rows, rows, weights);
  }

  /** Sums over the positions of each example, [1, N]. */
  #sums(each: Matrix): Matrix {
    const backend = this.#backend;
    const { positions } = this;
    if (positions === 1) return each;
    const examples = each.cols / positions;
    const ones = backend.scratch(1, positions);
    backend.write(ones, new Float32Array(positions).fill(1));
    const sums = backend.scratch(1, examples);
    backend.gemm(sums, ones, reshaped(each, examples, positions), { transposeB: true });
    return sums;
  }

  /** Targets or noise as the verbs take them; numbers that a loss has none for are zeros. */
  #onBackend(numbers: Matrix | ArrayLike<number>, predictions: number): Matrix {
    const backend = this.#backend;
    const [rows, cols] = this.#loss.targetShape(predictions, this.outputs);
    if ("storage" in numbers) return reshaped(numbers, rows, cols);
    const given = backend.scratch(rows, cols);
    backend.write(given, numbers);
    const labels = this.#loss.kind === "softmaxCrossEntropy";
    if (labels || cols === this.outputs) return given;
    const out = backend.scratch(rows, this.outputs);
    backend.axpby(out, 0, out, 0);
    backend.axpby(columnsOf(out, 0, cols), 1, given, 0);
    return out;
  }
}
