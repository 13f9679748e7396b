/**
 * The optimizer that TensorFlow.js sees.
 *
 * @module
 */

import {
  dispose,
  Optimizer as TfOptimizer,
  type Scalar,
  serialization,
  type Variable,
  version_core,
} from "npm:@tensorflow/tfjs-core@4.22.0";
import { type LayersModel, version_layers } from "npm:@tensorflow/tfjs-layers@4.22.0";
import { OptionError, StateError } from "../../core/errors.ts";
import type { StepHandle, StepReport } from "../../optim/report.ts";
import {
  checkTfjsVersion,
  fromSavedOptions,
  SUBJECT,
  type TekfacOptimizerOptions,
  toSavedOptions,
} from "./options.ts";
import { type NamedTensor, readSaved, type SavedState, Training } from "./training.ts";

/**
 * TEKFAC, or another optimizer of this library, as one of a TensorFlow.js `LayersModel`, which stays as it is.
 *
 * Dense layers, embeddings, convolutions (1-d, 2-d, depthwise, separable; any stride, dilation and padding,
 * `channelsLast`) get Kronecker factors, normalisations a 2 x 2 block for each channel; in models inside the model
 * and in `TimeDistributed`, too. Weights that are used several times have the curvature of the sum over the uses.
 * All others get the diagonal block, which `onNote` is told. What is not trainable costs nothing. Curvature and steps
 * are computed on a backend of this library: on the host, or on the GPU device of the framework's webgpu backend,
 * where that is shared; see `backend` of the options.
 *
 * The loss must be a mean over the examples of a batch (as all of the framework's are), penalties of
 * regularizers may be added to it.
 *
 * `model.save(target, { includeOptimizer: true })` saves its state. A model that is loaded has an
 * optimizer that does not know it yet: `model.optimizer.attach(model)`, and training goes on as if it
 * had not been interrupted, to the last bit on the same backends.
 *
 * The optimizer belongs to one model. It owns no tensors, only memory of its backend: dispose it when
 * training is over, before the backend that was given to it. The model stays the caller's.
 *
 * @example A small network learns XOR
 * ```ts
 * import assert from "node:assert/strict";
 * import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
 * import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
 * import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
 * import { TekfacOptimizer } from "@tekfac/tekfac/tfjs";
 *
 * const kernelInitializer = tfl.initializers.glorotNormal({ seed: 1 });
 * const model = tfl.sequential({
 *   layers: [
 *     tfl.layers.dense({ units: 8, activation: "tanh", inputShape: [2], kernelInitializer }),
 *     tfl.layers.dense({ units: 1, activation: "sigmoid", kernelInitializer }),
 *   ],
 * });
 * const optimizer = new TekfacOptimizer(model, { damping: { kind: "relative", tau: 0.1 } });
 * model.compile({ optimizer, loss: "binaryCrossentropy" });
 * const inputs = tf.tensor2d([[0, 0], [0, 1], [1, 0], [1, 1]]);
 * const targets = tf.tensor2d([[0], [1], [1], [0]]);
 * await model.fit(inputs, targets, { epochs: 50, verbose: 0 });
 * optimizer.dispose();
 *
 * const predicted = model.predict(inputs) as tf.Tensor;
 * assert.deepEqual([...predicted.dataSync()].map(Math.round), [0, 1, 1, 0]);
 * ```
 */
export class TekfacOptimizer extends TfOptimizer {
  /** Name under which the framework saves it. */
  static readonly className: string = "TekfacOptimizer";
  #options: TekfacOptimizerOptions;
  /** Names of saved options that were functions and have to be given again. */
  #functions: readonly string[] = [];
  #training: Training | undefined;
  /** State that was loaded before the model was known. */
  #loaded: SavedState | undefined;
  /** Tensors that the framework was given to save, and does not dispose. */
  #saved: NamedTensor[] = [];
  #report: StepReport | undefined;
  #handle: StepHandle | undefined;
  #disposed = false;

  /**
   * For one model.
   *
   * @param model A model. The layers that are trainable now are trained. `undefined`
   * for a model that is not there yet; see {@linkcode TekfacOptimizer.attach}.
   * @param options A method and its options; see {@linkcode TekfacOptimizerOptions}.
   * @throws {StateError} When the framework's version is outside the tested range; when the model has no
   * layers or nothing to train; when it is compiled with another optimizer of this class that has
   * not been disposed.
   * @throws {StateError} When `backend` is on a GPU that is not the framework's.
   * @throws {OptionError} On an unknown option or a value outside its range.
   */
  constructor(model: LayersModel | undefined, options: TekfacOptimizerOptions = {}) {
    checkTfjsVersion("@tensorflow/tfjs-core", version_core);
    checkTfjsVersion("@tensorflow/tfjs-layers", version_layers);
    super();
    this.#options = options;
    if (model !== undefined) this.attach(model);
  }

  /** Called by the framework when it loads a model. */
  static override fromConfig<T extends serialization.Serializable>(
    _cls: serialization.SerializableConstructor<T>,
    config: serialization.ConfigDict,
  ): T {
    const { options, functions } = fromSavedOptions(config);
    const optimizer = new TekfacOptimizer(undefined, options);
    optimizer.#functions = functions;
    return optimizer as unknown as T;
  }

  /**
   * Takes over a model, once: after `loadLayersModel`, which makes the optimizer before the model.
   *
   * @param model As for the constructor.
   * @param options Replace those it was created or saved with; a `backend`, and schedules (functions),
   * are not saved and have to be given again.
   * @returns This optimizer.
   * @throws {StateError | OptionError} As the constructor; when there is a model already, or the state
   * that was loaded belongs to another one. Nothing is changed then.
   */
  attach(model: LayersModel, options: TekfacOptimizerOptions = {}): this {
    this.#live("attach a model");
    if (this.#training !== undefined) {
      throw new StateError(
        `Cannot attach model '${model.name}': the optimizer belongs to another model; create one for each`,
      );
    }
    const other: TfOptimizer | undefined = model.optimizer;
    // Not `instanceof`: the framework has every optimizer answer it with true.
    if (other != null && other !== this && #disposed in other && !other.#disposed) {
      throw new StateError(
        `${SUBJECT} for model '${model.name}': it is already compiled with one; dispose that first, or ` +
          "compile with it again",
      );
    }
    const missing = this.#functions.find((name) => !(name in options));
    if (missing !== undefined) {
      const expectation = "was a function when the model was saved, give it again to attach()";
      throw new OptionError(SUBJECT, missing, expectation, undefined);
    }
    const complete = { ...this.#options, ...options } as TekfacOptimizerOptions;
    const training = new Training(model, complete);
    try {
      if (this.#loaded !== undefined) training.load(this.#loaded);
    } catch (error) {
      training[Symbol.dispose]();
      throw error;
    }
    this.#options = complete;
    this.#functions = [];
    this.#loaded = undefined;
    this.#training = training;
    const { onNote = (note: string) => console.warn(note) } = complete;
    training.notes.forEach(onNote);
    return this;
  }

  /** Steps taken so far. */
  override get iterations(): number {
    return this.#training?.inner.stepCount ?? 0;
  }

  /** What the last step did; `undefined` before the first, and on a GPU: see `readReport`. */
  get report(): StepReport | undefined {
    return this.#report;
  }

  /**
   * What the last step did, once it is done; `undefined` before the first.
   *
   * @throws {NumericalError} On a GPU, when the step was refused because loss, gradient or update were not
   * finite, or one before it was.
   */
  async readReport(): Promise<StepReport | undefined> {
    return await this.#handle?.report();
  }

  /**
   * The learning rate of the next step; annealing comes on top of it. What is assigned, a number, holds from that
   * step on in the place of the option `learningRate`, and is saved with the optimizer.
   *
   * @throws {StateError} When there is no model yet, or after disposal.
   * @throws {OptionError} When what is assigned is not a finite number >= 0.
   */
  get learningRate(): number {
    const { rate, inner } = this.#attached("tell the learning rate");
    return rate.at(inner.stepCount);
  }

  set learningRate(learningRate: number) {
    this.#attached("set the learning rate").rate.set(learningRate);
    this.#options = { ...this.#options, learningRate };
  }

  /**
   * An aligned table of layers, blocks, factor sizes and bytes, and the refresh plan; then a sentence for each layer
   * that has a diagonal in the place of Kronecker factors.
   *
   * @throws {StateError} When there is no model yet, or after disposal.
   */
  describe(): string {
    const { inner, notes } = this.#attached("describe the optimizer");
    return [inner.describe(), ...notes].join("\n");
  }

  /**
   * Takes one step; `model.fit()` and `model.trainOnBatch()` call it.
   *
   * @param f Computes the loss by calling the model, in training mode.
   * @param returnCost Whether the loss is returned.
   * @param varList The variables to train; must be those of the model.
   * @returns The loss before the step, for the caller to dispose, or `null`.
   * @throws {NumericalError} When loss, gradient or update are not finite; the weights stay. On a GPU
   * `readReport` or a later step throws instead, as nothing is waited for.
   * @throws {StateError} After disposal; for another model; when layers were frozen or added since the
   * optimizer was created; when a layer with captures is not called exactly once.
   */
  override minimize(
    f: () => Scalar,
    returnCost: boolean = false,
    varList?: Variable[],
  ): Scalar | null {
    const training = this.#attached("step");
    if (varList !== undefined) training.check(varList);
    this.#forgetSaved();
    const { value, report, handle } = training.step(f);
    this.#report = report;
    this.#handle = handle;
    if (returnCost) return value;
    value.dispose();
    return null;
  }

  /**
   * Not available: gradients are only half of what a step needs.
   *
   * @throws {StateError} Always.
   */
  override computeGradients(): never {
    throw new StateError(
      "Cannot compute gradients alone: a step needs captures too, use minimize()",
    );
  }

  /**
   * Not available: gradients are only half of what a step needs.
   *
   * @throws {StateError} Always.
   */
  override applyGradients(): never {
    throw new StateError("Cannot apply gradients alone: a step needs captures too, use minimize()");
  }

  /**
   * The state as tensors, without the weights of the model. They stay the optimizer's, until its next
   * step, `getWeights` or `dispose`.
   *
   * @throws {StateError} When there is no model yet, or after disposal.
   */
  override async getWeights(): Promise<NamedTensor[]> {
    const tensors = await this.#attached("save the optimizer").save();
    this.#forgetSaved();
    this.#saved = tensors;
    return [...tensors];
  }

  /**
   * Goes on from a saved state; before there is a model, as soon as there is one.
   *
   * @param weightValues From {@linkcode TekfacOptimizer.getWeights}; not disposed.
   * @throws {StateError} When the state belongs to another model or method; nothing is changed then.
   */
  override async setWeights(weightValues: NamedTensor[]): Promise<void> {
    this.#live("load an optimizer");
    const state = await readSaved(weightValues);
    if (this.#training === undefined) this.#loaded = state;
    else this.#training.load(state);
  }

  /** The options that the framework saves: all but `backend` and those that hold functions. */
  override getConfig(): serialization.ConfigDict {
    return toSavedOptions(this.#options);
  }

  /** Gives all state back, and the backend where it was not given by the caller. The model stays. */
  override dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#forgetSaved();
    this.#training?.[Symbol.dispose]();
  }

  #live(doing: string): void {
    if (this.#disposed) throw new StateError(`Cannot ${doing}: the optimizer is disposed`);
  }

  #attached(doing: string): Training {
    this.#live(doing);
    if (this.#training !== undefined) return this.#training;
    throw new StateError(
      `Cannot ${doing}: the optimizer has no model yet; call model.optimizer.attach(model) after loading`,
    );
  }

  #forgetSaved(): void {
    dispose(this.#saved.splice(0).map(({ tensor }) => tensor));
  }
}

// For `loadLayersModel`, which looks classes up by their names.
serialization.registerClass(TekfacOptimizer);
