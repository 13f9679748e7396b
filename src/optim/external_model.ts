/**
 * A model of any framework, or of none: it computes its own passes and hands over plain arrays.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture } from "../core/capture.ts";
import type { LayerBlock } from "../curvature/blocks/block.ts";
import { sharedCapture } from "../curvature/shared_capture.ts";
import { OptionError, StateError } from "../core/errors.ts";
import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import { checkBatch, type ExternalBatch } from "./external_batch.ts";
import { addGradient, type ExternalUse, toCapture, usesOf } from "./external_capture.ts";
import { checkSize, isMatrix, type Numbers } from "./external_numbers.ts";
import { checkParameters, type ExternalParameter } from "./external_parameter.ts";
import type { GradientBlend, Objective } from "./objective.ts";

/** Weights by name of the parameter, each [dOut, dIn'] row by row. */
export type WeightArrays = Readonly<Record<string, Float32Array | Float64Array>>;

/**
 * Creates the model's side of an optimizer: weights (zeros at first) and gradients on a backend.
 *
 * @param backend Where the optimizer computes.
 * @param parameters All trainable matrices, in a fixed order.
 * @returns An objective for every optimizer of the library; the caller disposes it, after the optimizer.
 * @throws {OptionError} On a name that is empty or used twice, or a size that is not an integer >= 1.
 * @throws {ShapeError} When the shape of a convolution does not fit its geometry.
 *
 * @example A linear model, `y = w x + b`, that knows nothing of this library
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, externalModel, tekfac } from "@tekfac/tekfac";
 *
 * const x = [1, 2, 3, 4], y = [3, 5, 7, 9];
 * let [w, b] = [0, 0];
 *
 * using backend = await createBackend();
 * using model = externalModel(backend, [
 *   { name: "line", layer: { kind: "dense", bias: true }, shape: [1, 2] },
 * ]);
 * using optimizer = tekfac(model, { momentum: false, klClip: false }); // no noise to tame
 * for (let step = 0; step < 200; step++) {
 *   const errors = x.map((x, n) => w * x + b - y[n]); // gradients of each (w x + b - y)^2 / 2
 *   optimizer.stepSync({
 *     examples: 4,
 *     loss: errors.map((e) => e ** 2 / 2),
 *     captures: { line: { inputs: x, outputGradients: errors } },
 *   });
 *   [w, b] = model.readWeightsSync().line;
 * }
 * assert(Math.abs(w - 2) < 0.1 && Math.abs(b - 1) < 0.2, `y = ${w} x + ${b}`);
 * ```
 */
export function externalModel(
  backend: Backend,
  parameters: readonly ExternalParameter[],
): ExternalModel {
  return new ExternalModel(backend, parameters);
}

/**
 * The weights of a model that lives elsewhere, and what it has handed over in this step.
 *
 * Columns of a convolution's weights and gradients are in the order (kernel row, kernel column,
 * channel; bias last), as images are channels-last: a kernel [height, width, channels, dOut] of other
 * frameworks is this matrix transposed.
 *
 * Nobody can ask such a model for its loss at other weights, so `dampingAdaptation` is refused.
 *
 * @example Memory of its own goes with it
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, ExternalModel } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * {
 *   using model = new ExternalModel(backend, [
 *     { name: "w", shape: [2, 3], layer: { kind: "dense", bias: true } },
 *   ]);
 *   assert.equal(model.parameters[0].value.cols, 3);
 * }
 * assert.equal(backend.memory().handles, 0);
 * ```
 */
export class ExternalModel implements Objective<ExternalBatch>, Disposable {
  /** Where the parameters live. */
  readonly backend: Backend;
  /** All trainable matrices, in the order they were given in. */
  readonly parameters: readonly Parameter[];
  /** The loss is handed over, and only for the weights as they are. */
  readonly losses = false;
  /** Sampled output gradients are handed over where they are asked for, not otherwise. */
  readonly canSample = false;
  readonly #external: readonly ExternalParameter[];
  readonly #owned: readonly OwnedMatrix[];
  /** Captures of the batch that was differentiated last, one for each use. */
  #captures: ReadonlyMap<string, readonly Capture[]> = new Map();
  #batch: ExternalBatch | undefined;

  /** See {@linkcode externalModel}. */
  constructor(backend: Backend, parameters: readonly ExternalParameter[]) {
    checkParameters(parameters);
    const owned: OwnedMatrix[] = [];
    const alloc = (rows: number, cols: number): OwnedMatrix => {
      owned.push(backend.alloc(rows, cols));
      return owned.at(-1)!;
    };
    this.parameters = backend.building(() =>
      parameters.map(({ name, layer, shape }) => ({
        name,
        layer,
        value: alloc(...shape),
        gradient: alloc(...shape),
      }))
    );
    this.backend = backend;
    this.#external = parameters;
    this.#owned = owned;
  }

  /**
   * Sets weights: the initial ones, or those that were changed elsewhere since the last step.
   *
   * @param weights By name of the parameter; others keep theirs.
   * @throws {OptionError} On an unknown name, before anything is written.
   * @throws {ShapeError} When an array has another length than its parameter.
   */
  writeWeights(weights: Readonly<Record<string, Numbers>>): void {
    const pairs = Object.entries(weights).map(([name, numbers]) => {
      const parameter = this.parameters.find((parameter) => parameter.name === name);
      if (parameter === undefined) {
        const names = this.parameters.map(({ name }) => `'${name}'`).join(", ");
        throw new OptionError("Cannot write weights", name, `must be one of ${names}`, numbers);
      }
      checkSize(`the weights of '${name}'`, numbers, [parameter.value.rows, parameter.value.cols]);
      return { value: parameter.value, numbers };
    });
    for (const { value, numbers } of pairs) this.#copy(value, numbers);
  }

  /** The weights as they are now. The caller owns the arrays. */
  async readWeights(): Promise<WeightArrays> {
    const pending = this.parameters.map(async ({ name, value }) =>
      [name, await this.backend.read(value)] as const
    );
    return Object.fromEntries(await Promise.all(pending));
  }

  /**
   * {@linkcode ExternalModel.readWeights} at once.
   *
   * @throws {StateError} On a backend that is not synchronous.
   */
  readWeightsSync(): WeightArrays {
    return Object.fromEntries(
      this.parameters.map(({ name, value }) => [name, this.backend.readSync(value)]),
    );
  }

  /**
   * Checks a batch.
   *
   * @returns N, the number of examples.
   * @throws {ShapeError} When something is missing or has another size.
   * @throws {DataError} When there is no example, a name is unknown, or a number of a capture is NaN or
   * infinite.
   */
  examplesOf(batch: ExternalBatch): number {
    return checkBatch(batch, this.#external);
  }

  /** Takes over what was handed over: `gradient = decay gradient + scale sum_n g_n abar_n^T`. */
  differentiate(batch: ExternalBatch, blend: GradientBlend | undefined): Matrix {
    this.#batch = batch;
    this.#captures = this.#capturesOf(batch);
    if (blend !== undefined) {
      for (const parameter of this.parameters) this.#addGradient(parameter, batch, blend);
    }
    const { examples, loss } = batch;
    const losses = this.backend.scratch(1, examples);
    this.#copy(losses, typeof loss === "number" ? new Float64Array(examples).fill(loss) : loss);
    return losses;
  }

  /**
   * Puts the batch's `sampledOutputGradients` in the place of the captures'.
   *
   * @throws {StateError} When the batch has none for a layer with a capture, or a layer has several.
   */
  differentiateSampled(): void {
    const batch = this.#batch!;
    const captures: Record<string, ExternalUse> = {};
    for (const [name, captured] of Object.entries(batch.captures ?? {})) {
      const uses = usesOf(captured);
      const outputGradients = batch.sampledOutputGradients?.[name];
      if (outputGradients === undefined || uses.length > 1 || "gradients" in uses[0]) {
        throw new StateError(
          `Cannot sample targets: the batch has no sampledOutputGradients of '${name}' with a single use; hand ` +
            "them over, or use the empirical Fisher",
        );
      }
      captures[name] = { ...uses[0], outputGradients };
    }
    this.#captures = this.#capturesOf({ ...batch, captures });
  }

  /** The block that a parameter brings. */
  blockOf({ name }: Parameter): LayerBlock | undefined {
    return this.#externalOf(name).block;
  }

  /**
   * What a parameter's layer handed over, of all its uses together, or `undefined`.
   *
   * @throws {StateError} When a table with a block handed over none: it has no curvature of gradients alone.
   */
  capture(parameter: Parameter): Capture | undefined {
    const { name, layer } = parameter;
    const captures = this.#captures.get(name);
    if (captures?.length === 1) return captures[0];
    if (captures !== undefined) {
      const { joinCaptures = sharedCapture } = this.#externalOf(name);
      return joinCaptures(this.backend, captures);
    }
    if (layer.kind !== "embedding" || this.blockOf(parameter) === undefined) return undefined;
    throw new StateError(
      `Cannot observe curvature: '${name}' left no capture; hand over its tokens and output gradients, or ` +
        "give it no block",
    );
  }

  /** Gives weights and gradients back. */
  [Symbol.dispose](): void {
    for (const matrix of this.#owned) matrix[Symbol.dispose]();
  }

  #externalOf(name: string): ExternalParameter {
    return this.#external.find((parameter) => parameter.name === name)!;
  }

  #addGradient(parameter: Parameter, batch: ExternalBatch, { decay, scale }: GradientBlend): void {
    const { name, gradient } = parameter;
    const given = batch.gradients?.[name];
    if (given !== undefined) {
      // Of the mean; the blend wants sums over examples.
      const { rows, cols } = gradient;
      this.backend.axpby(gradient, scale * batch.examples, this.#matrix(given, rows, cols), decay);
      return;
    }
    // `examplesOf` has seen that one of the two is there.
    this.#captures.get(name)!.forEach((capture, i) =>
      addGradient(this.backend, gradient, capture, { decay: i === 0 ? decay : 1, scale })
    );
  }

  #capturesOf({ examples, captures = {} }: ExternalBatch): ReadonlyMap<string, readonly Capture[]> {
    const upload = (...of: [Numbers, number, number]): Matrix => this.#matrix(...of);
    const pairs = this.#external.map((parameter): [string, readonly Capture[]] => [
      parameter.name,
      usesOf(captures[parameter.name]).map((use) =>
        toCapture(this.backend, parameter, use, examples, upload)
      ),
    ]);
    return new Map(pairs.filter(([, uses]) => uses.length > 0));
  }

  /** The numbers on the backend: themselves, or a scratch copy. */
  #matrix(numbers: Numbers, rows: number, cols: number): Matrix {
    if (isMatrix(numbers)) return numbers;
    const out = this.backend.scratch(rows, cols);
    this.backend.write(out, numbers);
    return out;
  }

  #copy(target: Matrix, numbers: Numbers): void {
    if (isMatrix(numbers)) this.backend.axpby(target, 1, numbers, 0);
    else this.backend.write(target, numbers);
  }
}
