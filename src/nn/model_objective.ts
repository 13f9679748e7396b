/**
 * A model with its loss: what optimizers minimise.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture, CurvatureSample } from "../core/capture.ts";
import { StateError } from "../core/errors.ts";
import { type Matrix, reshaped, rowsOf } from "../core/matrix.ts";
import { isTrainable, type Parameter } from "../core/parameter.ts";
import type { Random } from "../core/random.ts";
import type { LayerBlock } from "../curvature/blocks/block.ts";
import {
  type BatchLayout,
  type BatchLike,
  checkInputs,
  checkSizes,
  type EvaluateOptions,
  inputChunks,
  joined,
  microBatchSize,
  type PassOptions,
  splitBatch,
} from "./batch.ts";
import { Draws } from "./draws.ts";
import { type Evaluation, EvaluationSum } from "./evaluation.ts";
import { batchShape, sizeOf } from "./example_shape.ts";
import { weighRows } from "./example_weights.ts";
import type { Loss } from "./losses/loss.ts";
import { drawnAt, drawSigns } from "./losses/noise.ts";
import { meanOverPositions } from "./mean_over_positions.ts";
import type { BackwardPass, ForwardPass, Layer } from "./module.ts";
import type { Sequential } from "./sequential.ts";
import { allLayers } from "./through_layers.ts";

/**
 * A model with its loss. Fulfils the optimizers' `Objective<BatchLike>`; also evaluates and predicts.
 *
 * Matrices that methods return, and captures, live in the backend's scratch arena until the scope
 * ends in which the method was called.
 *
 * @example Loss and predictions of a model
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, type ModelObjective, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 * const goal: ModelObjective = objective(model, squaredError());
 * const [prediction] = await goal.predict([1, 2]);
 * const { loss } = await goal.evaluate({ inputs: [1, 2], targets: [prediction] });
 * assert.equal(loss, 0);
 * ```
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
  /** What the model remembers besides them: running statistics. */
  readonly state: Readonly<Record<string, Matrix>>;
  readonly #layers: ReadonlyMap<Parameter, Layer>;
  /** K, of one prediction. */
  readonly #outputs: number;
  /** Predictions of an example, whose losses are averaged. */
  readonly #positions: number;
  readonly #layout: BatchLayout;
  /** Batches that `examplesOf` has passed and `differentiate` need not check again. */
  readonly #checked = new WeakSet<BatchLike>();
  /** Outputs [N T, K] of the last `differentiate`, a row per prediction. */
  #predictions: Matrix | undefined;
  /** Weights of its examples. */
  #weights: ArrayLike<number> | undefined;
  readonly #draws = new Draws();

  /** See {@linkcode objective}. */
  constructor(model: Sequential, loss: Loss) {
    this.backend = model.backend;
    this.model = model;
    this.loss = loss;
    this.parameters = model.parameters;
    this.state = model.state;
    this.#layers = new Map(
      allLayers(model.layers).flatMap((layer) =>
        layer.parameter ? [[layer.parameter, layer] as const] : []
      ),
    );
    const { output } = model;
    this.#positions = loss.perPosition && output.length === 2 ? output[0] : 1;
    this.#outputs = sizeOf(output) / this.#positions;
    const [rows, cols] = loss.targetShape(this.#positions, this.#outputs);
    this.#layout = { inputs: sizeOf(model.input), targets: rows * cols };
  }

  /**
   * Checks a batch, once for the pass that follows.
   *
   * @returns N, the number of examples.
   * @throws {ShapeError} When its sizes do not fit the model or the loss.
   * @throws {DataError} When it is empty, an input is NaN or infinite, or a target is impossible.
   */
  examplesOf(batch: BatchLike): number {
    const examples = this.#check(batch);
    this.#checked.add(batch);
    return examples;
  }

  /**
   * Forward and backward pass: `gradient = decay gradient + scale sum_n g_n abar_n^T` for every
   * parameter, and a capture for every layer that has one. A training pass: batches normalise themselves
   * and dropout draws. Without `blend` it repeats the draws of the batch's last pass with one.
   *
   * Output gradients in captures are those of the sum of the examples' losses. Behind the last batch
   * normalisation that is the gradient of each example's own loss; before it, row n also holds what
   * example n does to the losses of the others through the batch's moments, as is usual.
   *
   * @param batch Is checked first, unless {@linkcode ModelObjective.examplesOf} has just done so.
   * @param blend Weights of the old gradient and of the new sum; 0 and 1/N give the gradient of the
   * mean. `undefined` when only captures are wanted: gradients of parameters stay.
   * @returns The per-example losses, [1, N].
   * @throws {ShapeError | DataError} When the batch does not fit.
   */
  differentiate(
    batch: BatchLike,
    blend: { readonly decay: number; readonly scale: number } | undefined,
  ): Matrix {
    if (!this.#checked.delete(batch)) this.#check(batch);
    const draw = blend === undefined
      ? this.#draws.again(batch)
      : this.#draws.begin(batch, blend.decay === 0);
    const pass = { kind: "training", draw } as const;
    const { losses, gradients, predictions } = this.#lossOf(batch, pass);
    this.#backward(gradients, blend ? { kind: "gradient", ...blend } : { kind: "capture" });
    this.#predictions = predictions;
    this.#weights = batch.weights;
    return losses;
  }

  /**
   * Forward pass alone, of a step that is tried out: a training pass that repeats the draws of the batch's
   * last `differentiate` and leaves no trace in running statistics. Captures of an earlier pass are gone
   * after it.
   *
   * @param batch Is checked first.
   * @returns The per-example losses, [1, N].
   * @throws {ShapeError | DataError} When the batch does not fit.
   */
  losses(batch: BatchLike): Matrix {
    if (!this.#checked.delete(batch)) this.#check(batch);
    return this.#lossOf(batch, { kind: "training", draw: this.#draws.again(batch) }).losses;
  }

  /**
   * Replaces the captures of the last {@linkcode ModelObjective.differentiate} by those of curvature at the
   * model's own prediction, for the first examples of the batch. Gradients of parameters stay. Must come in
   * the same scope.
   *
   * @param random Draws signs or targets.
   * @param sample How, and of how many examples.
   * @throws {StateError} When no `differentiate` came before it, or an evaluation in between.
   */
  differentiateSampled(random: Random, sample: CurvatureSample): void {
    if (this.#predictions === undefined) {
      throw new StateError("Cannot sample targets: call differentiate first, in the same scope");
    }
    const { backend, loss } = this;
    const { from, examples, places } = sample;
    const count = examples * this.#positions;
    const predictions = rowsOf(this.#predictions, 0, count);
    const noiseOf = (numbers: number, draw: (count: number) => Float32Array) =>
      places === undefined ? draw(numbers) : drawnAt(places, numbers / examples, draw);
    const gradients = backend.scratch(count, this.#outputs);
    if (from === "signs") {
      const signs = backend.scratch(count, this.#outputs);
      backend.write(signs, noiseOf(count * this.#outputs, (n) => drawSigns(random, n)));
      backend.gaussNewtonGradient(loss.kind, gradients, predictions, signs);
    } else {
      const [rows, cols] = loss.targetShape(count, this.#outputs);
      const noise = backend.scratch(rows, cols);
      backend.write(noise, noiseOf(rows * cols, (n) => loss.drawNoise(random, n)));
      backend.sampledLossGradient(loss.kind, gradients, predictions, noise);
    }
    // The mean over positions has the mean of their Hessians: a root of it has the root of the weight.
    if (this.#positions > 1) backend.axpby(gradients, this.#positions ** -0.5, gradients, 0);
    // Second moments of these are to be those of the weighted loss.
    weighRows(backend, this.#byExample(gradients), this.#weights, Math.sqrt);
    this.#backward(gradients, { kind: "capture" });
  }

  /** The block that a parameter's layer makes, if it makes one: see {@linkcode Layer.block}. */
  blockOf(parameter: Parameter): LayerBlock | undefined {
    return this.#layers.get(parameter)?.block;
  }

  /**
   * The capture that a parameter's layer left behind, or `undefined` if it has left none.
   *
   * @throws {StateError} When the parameter is not one of this model's.
   */
  capture(parameter: Parameter): Capture | undefined {
    const layer = this.#layers.get(parameter);
    // A frozen layer may still hold what it left before it was.
    if (layer !== undefined) return isTrainable(parameter) ? layer.capture : undefined;
    throw new StateError(`Cannot look up '${parameter.name}': it belongs to another model`);
  }

  /**
   * Mean loss and accuracy over all examples of all batches, as the model predicts: with running moments
   * and without dropout. Trains nothing, leaves no captures.
   *
   * @param batches One batch of any size, or several.
   * @param options How many examples at a time, and who else looks at the outputs.
   * @throws {ShapeError | DataError} When a batch does not fit, or there are no examples at all.
   */
  async evaluate(
    batches: BatchLike | Iterable<BatchLike>,
    options: EvaluateOptions = {},
  ): Promise<Evaluation> {
    const { onOutputs, ...pass } = options;
    const sum = new EvaluationSum(this.loss, this.#positions);
    for (const micro of this.#microBatches(batches, pass)) {
      const [losses, outputs] = await this.backend.reading(() => {
        const read = (m: Matrix) => this.backend.read(m);
        const { losses, outputs } = this.#measure(micro, read, onOutputs !== undefined);
        return Promise.all([losses, outputs ?? []]);
      });
      sum.add(losses, outputs, micro.targets);
      onOutputs?.(outputs, micro.targets);
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
  evaluateSync(
    batches: BatchLike | Iterable<BatchLike>,
    options: EvaluateOptions = {},
  ): Evaluation {
    const { onOutputs, ...pass } = options;
    const sum = new EvaluationSum(this.loss, this.#positions);
    for (const micro of this.#microBatches(batches, pass)) {
      const read = (m: Matrix) => this.backend.readSync(m);
      const { losses, outputs = [] } = this.#measure(micro, read, onOutputs !== undefined);
      sum.add(losses, outputs, micro.targets);
      onOutputs?.(outputs, micro.targets);
    }
    return sum.result();
  }

  /**
   * The model's outputs (logits, where the loss takes logits).
   *
   * @param inputs [N, features], [N, positions] or [N, height, width, channels] row by row.
   * @param options How many examples at a time.
   * @returns [N, K] row by row, or [N, T, K]; the caller owns it.
   * @throws {ShapeError | DataError} When the inputs do not fit.
   */
  async predict(inputs: ArrayLike<number>, options: PassOptions = {}): Promise<Float64Array> {
    const chunks = inputChunks(inputs, this.#layout.inputs, options);
    this.#checkInputs(inputs);
    const outputs: ArrayLike<number>[] = [];
    for (const chunk of chunks) {
      const infer = () => this.#infer(chunk, (m) => this.backend.read(m));
      outputs.push(await this.backend.reading(infer));
    }
    return joined(outputs);
  }

  /**
   * {@linkcode ModelObjective.predict} at once.
   *
   * @throws {StateError} On a backend that is not synchronous.
   */
  predictSync(inputs: ArrayLike<number>, options: PassOptions = {}): Float64Array {
    const chunks = inputChunks(inputs, this.#layout.inputs, options);
    this.#checkInputs(inputs);
    const read = (m: Matrix) => this.backend.readSync(m);
    return joined(chunks.map((chunk) => this.#infer(chunk, read)));
  }

  /** Passes that have left gradients so far; part of a checkpoint. */
  get passes(): number {
    return this.#draws.next;
  }

  set passes(count: number) {
    this.#draws.next = count;
  }

  #check(batch: BatchLike): number {
    const examples = checkSizes(batch, this.#layout);
    this.#checkInputs(batch.inputs);
    this.loss.checkTargets(batch.targets, this.#outputs, this.#positions);
    return examples;
  }

  #checkInputs(inputs: ArrayLike<number>): void {
    checkInputs(inputs, this.#layout.inputs);
    this.model.layers[0].checkInputs?.(inputs);
  }

  /** Forward pass of a checked batch: losses [1, N], their gradients and the outputs, both [N T, K]. */
  #lossOf(
    batch: BatchLike,
    pass: ForwardPass,
  ): { losses: Matrix; gradients: Matrix; predictions: Matrix } {
    const { backend, loss } = this;
    const x = this.#writeInputs(batch.inputs);
    const predictions = this.#predict(x, pass);
    const count = predictions.rows;
    const [rows, cols] = loss.targetShape(count, this.#outputs);
    const shared = batch.targets === batch.inputs;
    const targets = shared ? reshaped(x, rows, cols) : backend.scratch(rows, cols);
    if (!shared) backend.write(targets, batch.targets);
    const losses = backend.scratch(1, count);
    const gradients = backend.scratch(count, this.#outputs);
    backend.loss(loss.kind, losses, gradients, predictions, targets);
    const positions = this.#positions;
    if (positions > 1) backend.axpby(gradients, 1 / positions, gradients, 0);
    const means = positions === 1 ? losses : meanOverPositions(backend, losses, positions);
    weighRows(backend, reshaped(means, means.cols, 1), batch.weights);
    weighRows(backend, this.#byExample(gradients), batch.weights);
    return { losses: means, gradients, predictions };
  }

  /** [N T, K] as [N, T K]. */
  #byExample(m: Matrix): Matrix {
    return reshaped(m, m.rows / this.#positions, m.cols * this.#positions);
  }

  #writeInputs(inputs: ArrayLike<number>): Matrix {
    const examples = inputs.length / this.#layout.inputs;
    const x = this.backend.scratch(...batchShape(this.model.input, examples));
    this.backend.write(x, inputs);
    return x;
  }

  /** Outputs [N T, K] of a batch on the backend. */
  #predict(x: Matrix, pass: ForwardPass): Matrix {
    // The layers forget the batch of an earlier `differentiate`.
    this.#predictions = undefined;
    const examples = x.rows * x.cols / this.#layout.inputs;
    const outputs = this.model.forward(x, examples, pass);
    return reshaped(outputs, examples * this.#positions, this.#outputs);
  }

  #backward(gradients: Matrix, pass: BackwardPass): void {
    const shape = batchShape(this.model.output, gradients.rows / this.#positions);
    this.model.backward(reshaped(gradients, ...shape), pass);
  }

  *#microBatches(
    batches: BatchLike | Iterable<BatchLike>,
    options: PassOptions,
  ): Generator<BatchLike, void, undefined> {
    const size = microBatchSize(options);
    for (const batch of "inputs" in batches ? [batches] : batches) {
      this.#check(batch);
      yield* splitBatch(batch, this.#layout, size);
    }
  }

  #infer<R>({ inputs }: BatchLike, read: (m: Matrix) => R): R {
    return this.backend.scope(() =>
      read(this.#predict(this.#writeInputs(inputs), { kind: "inference" }))
    );
  }

  /**
   * Forward pass in a scope of its own. `read` is called inside it, before scratch is given back;
   * outputs are read only where they are looked at.
   */
  #measure<R>(
    micro: BatchLike,
    read: (m: Matrix) => R,
    all: boolean,
  ): { losses: R; outputs: R | undefined } {
    return this.backend.scope(() => {
      const { losses, predictions } = this.#lossOf(micro, { kind: "inference" });
      const wanted = all || this.loss.countCorrect !== undefined;
      const outputs = wanted ? read(predictions) : undefined;
      return { losses: read(losses), outputs };
    });
  }
}
