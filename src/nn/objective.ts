/**
 * A model with its loss: what optimizers minimise.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture } from "../core/capture.ts";
import { StateError } from "../core/errors.ts";
import { type Matrix, reshaped } from "../core/matrix.ts";
import { checkKnownKeys, checkNumber } from "../core/options.ts";
import type { Parameter } from "../core/parameter.ts";
import type { Random } from "../core/random.ts";
import {
  type Batch,
  type BatchLayout,
  checkInputs,
  checkSizes,
  countExamples,
  splitBatch,
} from "./batch.ts";
import { type Evaluation, EvaluationSum } from "./evaluation.ts";
import { batchShape, sizeOf } from "./example_shape.ts";
import type { Loss } from "./losses/loss.ts";
import type { BackwardPass, Layer } from "./module.ts";
import type { Sequential } from "./sequential.ts";

/** How many examples go through the model at a time when nothing is trained. */
export interface PassOptions {
  /** Examples at a time, >= 1; bounds the memory that a pass takes. @default {256} */
  readonly microBatch?: number;
}

/**
 * Joins a model and a loss. Owns nothing: the caller disposes the model.
 *
 * @param model A model; its K outputs (an image's numbers in the order row, column, channel) are what
 * the loss sees.
 * @param loss The loss of one example; gradients are of its mean.
 */
export function objective(model: Sequential, loss: Loss): ModelObjective {
  return new ModelObjective(model, loss);
}

/**
 * A model with its loss. Fulfils the optimizers' `Objective<Batch>`; also evaluates and predicts.
 *
 * Matrices that methods return, and captures, live in the backend's scratch arena until the scope
 * ends in which the method was called.
 */
export class ModelObjective {
  /** Where the parameters live. */
  readonly backend: Backend;
  /** The model; not owned. */
  readonly model: Sequential;
  /** The loss of one example. */
  readonly loss: Loss;
  /** All trainable matrices, in the order of the layers. */
  readonly parameters: readonly Parameter[];
  readonly #layers: ReadonlyMap<Parameter, Layer>;
  /** K. */
  readonly #outputs: number;
  readonly #layout: BatchLayout;
  /** Batches that `examplesOf` has passed and `differentiate` need not check again. */
  readonly #checked = new WeakSet<Batch>();
  /** Outputs [N, K] of the last `differentiate`. */
  #predictions: Matrix | undefined;

  /** See {@linkcode objective}. */
  constructor(model: Sequential, loss: Loss) {
    this.backend = model.backend;
    this.model = model;
    this.loss = loss;
    this.parameters = model.parameters;
    this.#layers = new Map(
      model.layers.flatMap((layer) => layer.parameter ? [[layer.parameter, layer] as const] : []),
    );
    this.#outputs = sizeOf(model.output);
    const [rows, cols] = loss.targetShape(1, this.#outputs);
    this.#layout = { inputs: sizeOf(model.input), targets: rows * cols };
  }

  /**
   * Checks a batch, once for the pass that follows.
   *
   * @returns N, the number of examples.
   * @throws {ShapeError} When its sizes do not fit the model or the loss.
   * @throws {DataError} When it is empty, an input is NaN or infinite, or a target is impossible.
   */
  examplesOf(batch: Batch): number {
    const examples = checkSizes(batch, this.#layout);
    checkInputs(batch.inputs, this.#layout.inputs);
    this.loss.checkTargets(batch.targets, this.#outputs);
    this.#checked.add(batch);
    return examples;
  }

  /**
   * Forward and backward pass: `gradient = decay gradient + scale sum_n g_n abar_n^T` for every
   * parameter, and a capture for every layer that has one.
   *
   * @param batch Is checked first, unless {@linkcode ModelObjective.examplesOf} has just done so.
   * @param blend Weights of the old gradient and of the new sum; 0 and 1/N give the gradient of the
   * mean. `undefined` when only captures are wanted: gradients of parameters stay.
   * @returns The per-example losses, [1, N].
   * @throws {ShapeError | DataError} When the batch does not fit.
   */
  differentiate(
    batch: Batch,
    blend: { readonly decay: number; readonly scale: number } | undefined,
  ): Matrix {
    if (!this.#checked.has(batch)) this.examplesOf(batch);
    this.#checked.delete(batch);
    const { losses, gradients, predictions } = this.#lossOf(batch);
    this.#backward(gradients, blend ? { kind: "gradient", ...blend } : { kind: "capture" });
    this.#predictions = predictions;
    return losses;
  }

  /**
   * Replaces the captures of the last {@linkcode ModelObjective.differentiate} by those of targets
   * drawn from the model's own prediction. Gradients of parameters stay. Must come in the same scope.
   *
   * @param random Draws the targets.
   * @throws {StateError} When no `differentiate` came before it, or an evaluation in between.
   */
  differentiateSampled(random: Random): void {
    const predictions = this.#predictions;
    if (predictions === undefined) {
      throw new StateError("Cannot sample targets: call differentiate first, in the same scope");
    }
    const { backend, loss } = this;
    const noise = this.#targetScratch(predictions.rows);
    backend.write(noise, loss.drawNoise(random, noise.rows * noise.cols));
    const gradients = backend.scratch(predictions.rows, predictions.cols);
    backend.sampledLossGradient(loss.kind, gradients, predictions, noise);
    this.#backward(gradients, { kind: "capture" });
  }

  /**
   * The capture that a parameter's layer left behind, or `undefined` if it has left none.
   *
   * @throws {StateError} When the parameter is not one of this model's.
   */
  capture(parameter: Parameter): Capture | undefined {
    const layer = this.#layers.get(parameter);
    if (layer !== undefined) return layer.capture;
    throw new StateError(`Cannot look up '${parameter.name}': it belongs to another model`);
  }

  /**
   * Mean loss and accuracy over all examples of all batches. Trains nothing, leaves no captures.
   *
   * @param batches One batch of any size, or several.
   * @param options How many examples at a time.
   * @throws {ShapeError | DataError} When a batch does not fit, or there are no examples at all.
   */
  async evaluate(
    batches: Batch | Iterable<Batch>,
    options: PassOptions = {},
  ): Promise<Evaluation> {
    const sum = new EvaluationSum(this.loss);
    for (const micro of this.#microBatches(batches, options)) {
      const { losses, outputs } = this.#measure(micro, (m) => this.backend.read(m));
      sum.add(await losses, await outputs, micro.targets);
    }
    return sum.result();
  }

  /**
   * {@linkcode ModelObjective.evaluate} at once.
   *
   * @param batches One batch of any size, or several.
   * @param options How many examples at a time.
   * @throws {ShapeError | DataError} When a batch does not fit, or there are no examples at all.
   * @throws {StateError} On a backend that is not synchronous.
   */
  evaluateSync(batches: Batch | Iterable<Batch>, options: PassOptions = {}): Evaluation {
    const sum = new EvaluationSum(this.loss);
    for (const micro of this.#microBatches(batches, options)) {
      const { losses, outputs } = this.#measure(micro, (m) => this.backend.readSync(m));
      sum.add(losses, outputs, micro.targets);
    }
    return sum.result();
  }

  /**
   * The model's outputs (logits, where the loss takes logits).
   *
   * @param inputs [N, features] or [N, height, width, channels] row by row.
   * @param options How many examples at a time.
   * @returns [N, K] row by row; the caller owns it.
   * @throws {ShapeError | DataError} When the inputs do not fit.
   */
  async predict(inputs: ArrayLike<number>, options: PassOptions = {}): Promise<Float64Array> {
    const layout = { inputs: this.#layout.inputs, targets: 0 };
    const examples = countExamples(inputs, layout.inputs);
    checkInputs(inputs, layout.inputs);
    const result = new Float64Array(examples * this.#outputs);
    let end = 0;
    for (const micro of splitBatch({ inputs, targets: [] }, layout, microBatchSize(options))) {
      const { outputs } = this.backend.scope(() => ({
        outputs: this.backend.read(this.#predict(this.#writeInputs(micro.inputs))),
      }));
      result.set(await outputs, end);
      end += micro.inputs.length / layout.inputs * this.#outputs;
    }
    return result;
  }

  /** Forward pass of a checked batch: losses [1, N], their gradients and the outputs, both [N, K]. */
  #lossOf(batch: Batch): { losses: Matrix; gradients: Matrix; predictions: Matrix } {
    const { backend, loss } = this;
    const x = this.#writeInputs(batch.inputs);
    const predictions = this.#predict(x);
    const examples = predictions.rows;
    let targets: Matrix;
    if (batch.targets === batch.inputs) {
      targets = reshaped(x, examples, this.#layout.targets);
    } else {
      targets = this.#targetScratch(examples);
      backend.write(targets, batch.targets);
    }
    const losses = backend.scratch(1, examples);
    const gradients = backend.scratch(examples, this.#outputs);
    backend.loss(loss.kind, losses, gradients, predictions, targets);
    return { losses, gradients, predictions };
  }

  #writeInputs(inputs: ArrayLike<number>): Matrix {
    const examples = inputs.length / this.#layout.inputs;
    const x = this.backend.scratch(...batchShape(this.model.input, examples));
    this.backend.write(x, inputs);
    return x;
  }

  /** Outputs [N, K] of a batch on the backend. */
  #predict(x: Matrix): Matrix {
    // The layers forget the batch of an earlier `differentiate`.
    this.#predictions = undefined;
    const examples = x.rows * x.cols / this.#layout.inputs;
    return reshaped(this.model.forward(x, examples), examples, this.#outputs);
  }

  #backward(gradients: Matrix, pass: BackwardPass): void {
    const shape = batchShape(this.model.output, gradients.rows);
    this.model.backward(reshaped(gradients, ...shape), pass);
  }

  /** A matrix for the targets of N examples, or for the noise that draws them. */
  #targetScratch(examples: number): Matrix {
    return this.backend.scratch(...this.loss.targetShape(examples, this.#outputs));
  }

  *#microBatches(
    batches: Batch | Iterable<Batch>,
    options: PassOptions,
  ): Generator<Batch, void, undefined> {
    const size = microBatchSize(options);
    for (const batch of "inputs" in batches ? [batches] : batches) {
      this.examplesOf(batch);
      yield* splitBatch(batch, this.#layout, size);
    }
  }

  /** Forward pass in a scope of its own. `read` is called inside it, before scratch is given back. */
  #measure<R>(micro: Batch, read: (m: Matrix) => R): { losses: R; outputs: R } {
    return this.backend.scope(() => {
      const { losses, predictions } = this.#lossOf(micro);
      return { losses: read(losses), outputs: read(predictions) };
    });
  }
}

function microBatchSize(options: PassOptions): number {
  const subject = "Cannot run the model";
  checkKnownKeys(subject, options, ["microBatch"]);
  return checkNumber(subject, "microBatch", options.microBatch ?? 256, { min: 1, integer: true });
}
