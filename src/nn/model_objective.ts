/**
 * A model with its loss: what optimizers minimise.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture, CurvatureSample, Places } from "../core/capture.ts";
import { StateError } from "../core/errors.ts";
import { type Matrix, reshaped } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
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
import type { Loss } from "./losses/loss.ts";
import type { BackwardPass, ForwardPass, PositionMask } from "./module.ts";
import { ParameterLayers } from "./parameter_layers.ts";
import { positionMask, realPositions } from "./position_mask.ts";
import { type Counting, type PredictionGradients, PredictionLoss } from "./prediction_loss.ts";
import type { Sequential } from "./sequential.ts";

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
  readonly #layers: ParameterLayers;
  readonly #predictionLoss: PredictionLoss;
  readonly #layout: BatchLayout;
  /** Batches that `examplesOf` has passed and `differentiate` need not check again. */
  readonly #checked = new WeakSet<BatchLike>();
  /** Outputs [N T, K] of the last `differentiate`, a row per prediction. */
  #predictions: Matrix | undefined;
  /** How much its examples and positions count. */
  #counting: Counting = {};
  readonly #draws = new Draws();
  /** Is told whose gradients a pass has completed. */
  #listener: ((parameters: readonly Parameter[]) => void) | undefined;

  /** See {@linkcode objective}. */
  constructor(model: Sequential, loss: Loss) {
    this.backend = model.backend;
    this.model = model;
    this.loss = loss;
    this.parameters = model.parameters;
    this.state = model.state;
    this.#layers = new ParameterLayers(model);
    this.#predictionLoss = new PredictionLoss(model.backend, loss, model.output);
    this.#layout = { inputs: sizeOf(model.input), targets: this.#predictionLoss.targets };
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
   * mean. `undefined` when only captures are wanted: gradients of parameters stay. `places`: where the examples are
   * among those of all ranks of a group, from which follows what is dropped of them.
   * @param as `prediction`, without a blend: running moments in the batch's place, nothing dropped.
   * @returns The per-example losses, [1, N].
   * @throws {ShapeError | DataError} When the batch does not fit.
   */
  differentiate(
    batch: BatchLike,
    blend:
      | { readonly decay: number; readonly scale: number; readonly places?: Places | undefined }
      | undefined,
    as: "training" | "prediction" = "training",
  ): Matrix {
    if (!this.#checked.delete(batch)) this.#check(batch);
    const draws = () =>
      blend ? this.#draws.begin(batch, blend.decay === 0, blend.places) : this.#draws.again(batch);
    const pass: ForwardPass = as === "training"
      ? { kind: "training", ...draws() }
      : { kind: "inference" };
    const { losses, gradients, predictions, counting } = this.#lossOf(batch, pass);
    const done = this.#listener;
    this.#backward(gradients, blend ? { kind: "gradient", ...blend, done } : { kind: "capture" });
    this.#predictions = predictions;
    this.#counting = counting;
    return losses;
  }

  /**
   * Runs `body`; when a {@linkcode ModelObjective.differentiate} inside has completed gradients, layer by layer from the
   * last one on, `listener` is told whose, and may overwrite them: they are not looked at again.
   */
  announcing<T>(listener: (parameters: readonly Parameter[]) => void, body: () => T): T {
    this.#listener = listener;
    try {
      return body();
    } finally {
      this.#listener = undefined;
    }
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
    return this.#lossOf(batch, { kind: "training", ...this.#draws.again(batch) }).losses;
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
    const counting = this.#counting;
    const gradients = this.#predictionLoss.sampled(random, sample, this.#predictions, counting);
    this.#backward(gradients, { kind: "capture" });
  }

  /** The block that a parameter's layer makes, if it makes one: see {@linkcode Layer.block}. */
  blockOf(parameter: Parameter): LayerBlock | undefined {
    return this.#layers.blockOf(parameter);
  }

  /**
   * The capture that a parameter's layer left behind, or `undefined` if it has left none. Where several layers share
   * the parameter, it is one of all of them, in scratch memory.
   *
   * @throws {StateError} When the parameter is not one of this model's.
   */
  capture(parameter: Parameter): Capture | undefined {
    return this.#layers.capture(parameter);
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
    const sum = new EvaluationSum(this.loss);
    for (const micro of this.#microBatches(batches, pass)) {
      const [losses, outputs] = await this.backend.reading(() => {
        const read = (m: Matrix) => this.backend.read(m);
        const { losses, outputs } = this.#measure(micro, read, onOutputs !== undefined);
        return Promise.all([losses, outputs ?? []]);
      });
      const real = this.#realOf(micro, outputs);
      sum.add(losses, real.outputs, real.targets);
      onOutputs?.(real.outputs, real.targets);
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
    const sum = new EvaluationSum(this.loss);
    for (const micro of this.#microBatches(batches, pass)) {
      const read = (m: Matrix) => this.backend.readSync(m);
      const { losses, outputs = [] } = this.#measure(micro, read, onOutputs !== undefined);
      const real = this.#realOf(micro, outputs);
      sum.add(losses, real.outputs, real.targets);
      onOutputs?.(real.outputs, real.targets);
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
    const { outputs, positions } = this.#predictionLoss;
    const targets = this.#predictionLoss.realTargets(batch.targets, this.#real(batch.inputs));
    this.loss.checkTargets(targets, outputs, positions);
    return examples;
  }

  #checkInputs(inputs: ArrayLike<number>): void {
    checkInputs(inputs, this.#layout.inputs);
    this.model.layers[0].checkInputs?.(inputs);
    this.#real(inputs);
  }

  /** Which positions are real, where not all are. */
  #real(inputs: ArrayLike<number>): Float32Array | undefined {
    return realPositions(this.model.layers[0], inputs, inputs.length / this.#layout.inputs);
  }

  /** Outputs and targets of the predictions that count. */
  #realOf({ inputs, targets }: BatchLike, outputs: ArrayLike<number>) {
    const real = this.#real(inputs);
    const loss = this.#predictionLoss;
    return {
      outputs: outputs.length === 0 ? outputs : loss.realOnly(outputs, loss.outputs, real),
      targets: loss.realOnly(targets, loss.targets / loss.positions, real),
    };
  }

  /** Forward pass of a checked batch: losses [1, N], their gradients and the outputs, both [N T, K]. */
  #lossOf(
    batch: BatchLike,
    pass: ForwardPass,
  ): PredictionGradients & { readonly predictions: Matrix; readonly counting: Counting } {
    const x = this.#writeInputs(batch.inputs);
    const mask = this.#mask(batch.inputs);
    const counting = { weights: batch.weights, mask };
    const predictions = this.#predict(x, { ...pass, mask });
    const targets = batch.targets === batch.inputs ? x : batch.targets;
    const result = this.#predictionLoss.of(predictions, targets, counting);
    return { ...result, predictions, counting };
  }

  #mask(inputs: ArrayLike<number>): PositionMask | undefined {
    return positionMask(this.backend, this.#real(inputs), inputs.length / this.#layout.inputs);
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
    const { positions } = this.#predictionLoss;
    return reshaped(outputs, examples * positions, this.#predictionLoss.outputs);
  }

  #backward(gradients: Matrix, pass: BackwardPass): void {
    const shape = batchShape(this.model.output, gradients.rows / this.#predictionLoss.positions);
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
      read(this.#predict(this.#writeInputs(inputs), {
        kind: "inference",
        mask: this.#mask(inputs),
      }))
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
