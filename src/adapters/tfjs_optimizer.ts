/**
 * The optimizer that TensorFlow.js sees.
 *
 * @module
 */

import {
  Optimizer as TfOptimizer,
  type Scalar,
  type serialization,
  type Variable,
  version_core,
} from "npm:@tensorflow/tfjs-core@4.22.0";
import { type LayersModel, version_layers } from "npm:@tensorflow/tfjs-layers@4.22.0";
import { createBackendSync } from "../backend/select_sync.ts";
import type { Backend } from "../backend/backend.ts";
import { OptionError, StateError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import {
  captureLayout,
  type ExternalBatch,
  type ExternalCapture,
  type ExternalParameter,
} from "../optim/external_batch.ts";
import { type ExternalModel, externalModel } from "../optim/external_model.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { StepReport } from "../optim/report.ts";
import { type Site, sitesOf } from "./tfjs_layers.ts";
import { checkVersion, createInner, type TekfacOptimizerOptions } from "./tfjs_options.ts";
import { isWhole, type Pass, recordPass } from "./tfjs_pass.ts";
import { toMatrix, WeightLink } from "./tfjs_weights.ts";

const SUBJECT = "Cannot create TekfacOptimizer";

/**
 * TEKFAC, EKFAC, TKFAC or KFAC as an optimizer of a TensorFlow.js `LayersModel`, which stays as it is.
 *
 * Dense layers and Conv2D layers (any stride, dilation and padding, `channelsLast`) get Kronecker
 * factors; all other weights, and those of layers that the model uses more than once, get the diagonal
 * block. Curvature and steps are computed on a backend of this library, on the host.
 *
 * The loss must be a mean over the examples of a batch (as all of the framework's are), penalties of
 * regularizers may be added to it.
 *
 * The optimizer belongs to one model. It owns no tensors, only memory of its backend: dispose it when
 * training is over, before the backend that was given to it. The model stays the caller's.
 *
 * @example A small network learns XOR
 * ```ts ignore
 * import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
 * import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
 * import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
 * import { TekfacOptimizer } from "@tekfac/tekfac/tfjs";
 *
 * const model = tfl.sequential({
 *   layers: [
 *     tfl.layers.dense({ units: 8, activation: "tanh", inputShape: [2] }),
 *     tfl.layers.dense({ units: 1, activation: "sigmoid" }),
 *   ],
 * });
 * const optimizer = new TekfacOptimizer(model, { damping: { kind: "relative", tau: 0.1 } });
 * model.compile({ optimizer, loss: "binaryCrossentropy" });
 * await model.fit(tf.tensor2d([[0, 0], [0, 1], [1, 0], [1, 1]]), tf.tensor2d([[0], [1], [1], [0]]), {
 *   epochs: 100,
 * });
 * console.log(optimizer.describe());
 * optimizer.dispose();
 * ```
 */
export class TekfacOptimizer extends TfOptimizer {
  /** Name under which the framework saves it. */
  static readonly className: string = "TekfacOptimizer";
  readonly #sites: readonly Site[];
  readonly #ownBackend: Backend | undefined;
  readonly #external: ExternalModel;
  readonly #inner: Optimizer<ExternalBatch>;
  readonly #link: WeightLink;
  #report: StepReport | undefined;
  #disposed = false;

  /**
   * For one model.
   *
   * @param model A model with an input shape. The layers that are trainable now are trained.
   * @param options A method and its options; see {@linkcode TekfacOptimizerOptions}.
   * @throws {StateError} When the framework's version is outside the tested range; when the model has no
   * input shape or nothing to train; when it is compiled with another optimizer of this class that has
   * not been disposed.
   * @throws {OptionError} On an unknown option or a value outside its range.
   */
  constructor(model: LayersModel, options: TekfacOptimizerOptions = {}) {
    checkVersion("@tensorflow/tfjs-core", version_core);
    checkVersion("@tensorflow/tfjs-layers", version_layers);
    super();
    const optimizer: TfOptimizer | undefined = model.optimizer;
    // Not `instanceof`: the framework has every optimizer answer it with true.
    if (optimizer != null && #disposed in optimizer && !optimizer.#disposed) {
      throw new StateError(
        `${SUBJECT} for model '${model.name}': it is already compiled with one; dispose that first, or ` +
          "compile with it again",
      );
    }
    if (options.backend?.sync === false) {
      const expectation = "must be a synchronous backend of this library, such as 'wasm'";
      throw new OptionError(SUBJECT, "backend", expectation, options.backend.name);
    }
    this.#sites = sitesOf(model);
    this.#ownBackend = options.backend === undefined ? createBackendSync() : undefined;
    const backend = options.backend ?? this.#ownBackend!;
    try {
      this.#external = externalModel(backend, this.#sites.map(({ parameter }) => parameter));
      try {
        this.#inner = createInner(this.#external, options);
      } catch (error) {
        this.#external[Symbol.dispose]();
        throw error;
      }
    } catch (error) {
      this.#ownBackend?.[Symbol.dispose]();
      throw error;
    }
    this.#link = new WeightLink(this.#sites, this.#external);
  }

  /** Steps taken so far. */
  override get iterations(): number {
    return this.#inner.stepCount;
  }

  /** What the last step did, `undefined` before the first. */
  get report(): StepReport | undefined {
    return this.#report;
  }

  /** An aligned table of layers, blocks, factor sizes and bytes, and the refresh plan. */
  describe(): string {
    return this.#inner.describe();
  }

  /**
   * Takes one step; `model.fit()` and `model.trainOnBatch()` call it.
   *
   * @param f Computes the loss by calling the model, in training mode.
   * @param returnCost Whether the loss is returned.
   * @param varList The variables to train; must be those of the model.
   * @returns The loss before the step, for the caller to dispose, or `null`.
   * @throws {NumericalError} When loss, gradient or update are not finite; the weights stay.
   * @throws {StateError} After disposal; for another model; when layers were frozen or added since the
   * optimizer was created; when a layer with captures is not called exactly once.
   */
  override minimize(
    f: () => Scalar,
    returnCost: boolean = false,
    varList?: Variable[],
  ): Scalar | null {
    this.#check(varList);
    this.#link.pull();
    const pass = recordPass(f, this.#sites, this.#external);
    let done = false;
    try {
      this.#external.backend.scope(() => {
        this.#report = this.#inner.stepSync(this.#batchOf(pass));
      });
      this.#link.push();
      done = returnCost;
    } finally {
      if (!done) pass.value.dispose();
    }
    return returnCost ? pass.value : null;
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

  /** Gives all state back, and the backend where it was not given by the caller. The model stays. */
  override dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#inner[Symbol.dispose]();
    this.#external[Symbol.dispose]();
    this.#ownBackend?.[Symbol.dispose]();
  }

  /** The options that the framework saves. */
  override getConfig(): serialization.ConfigDict {
    return {};
  }

  #check(varList: readonly Variable[] | undefined): void {
    if (this.#disposed) throw new StateError("Cannot step: the optimizer is disposed");
    if (varList === undefined) return;
    const own = new Set(this.#sites.flatMap(({ variables }) => variables));
    const stranger = varList.find((variable) => !own.has(variable));
    if (stranger === undefined && varList.length === own.size) return;
    throw new StateError(
      "Cannot step: expected the variables that were trainable when the optimizer was created, received " +
        (stranger === undefined
          ? `${varList.length} of ${own.size}`
          : `'${stranger.name}' of another model or layer`) +
        "; create an optimizer for the model as it is now, and compile with it",
    );
  }

  /** Everything in matrices of the backend's: whether numbers are finite is for the step to judge. */
  #batchOf({ value, examples, captures, gradients }: Pass): ExternalBatch {
    const { backend } = this.#external;
    const matrix = (numbers: ArrayLike<number>, rows: number, cols: number): Matrix => {
      const matrix = backend.scratch(rows, cols);
      backend.write(matrix, numbers);
      return matrix;
    };
    const batch = {
      examples,
      loss: value.dataSync()[0],
      captures: {} as Record<string, MatrixCapture>,
      gradients: {} as Record<string, Matrix>,
    };
    for (const site of this.#sites) {
      const { parameter: { name, shape }, variables } = site;
      const layout = captureLayout(site.parameter);
      if (layout !== undefined) {
        const { inputs: [rows, cols], locations } = layout;
        const { inputs, outputGradients } = captures.get(name)!;
        batch.captures[name] = {
          inputs: matrix(inputs, examples * rows, cols),
          outputGradients: matrix(outputGradients, examples * locations, shape[0]),
        };
      }
      if (!isWhole(site)) {
        const numbers = variables.map((variable) => gradients.get(variable)!);
        const gradient = matrix(toMatrix(site, numbers), ...shape);
        if (layout !== undefined) {
          addMeanGradient(backend, gradient, site.parameter, { examples, ...batch.captures[name] });
        }
        batch.gradients[name] = gradient;
      }
    }
    return batch;
  }
}

/** A capture on the backend, without homogeneous ones. */
interface MatrixCapture extends ExternalCapture {
  readonly inputs: Matrix;
  readonly outputGradients: Matrix;
}

/** Adds the gradient of the mean loss, as captures tell it, to that of a penalty. */
function addMeanGradient(
  backend: Backend,
  gradient: Matrix,
  { layer }: ExternalParameter,
  { examples, inputs, outputGradients }: MatrixCapture & { readonly examples: number },
): void {
  const scale = 1 / examples;
  if (layer.kind === "conv2d") {
    const blend = { decay: 1, scale };
    backend.conv2dWeightGradient(gradient, inputs, outputGradients, layer.geometry, blend);
    return;
  }
  let homogeneous = inputs;
  if (inputs.cols < gradient.cols) {
    homogeneous = backend.scratch(examples, gradient.cols);
    backend.appendOnes(homogeneous, inputs);
  }
  const options = { transposeA: true, alpha: scale, beta: 1 };
  backend.gemm(gradient, outputGradients, homogeneous, options);
}
