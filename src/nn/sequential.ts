/**
 * A model whose layers follow one another.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { atLayer } from "../core/at_layer.ts";
import { ShapeError, StateError } from "../core/errors.ts";
import { type Matrix, shapeOf } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import { Random } from "../core/random.ts";
import { number, optional, resolve, type SchemaOf } from "../core/schema.ts";
import { architectureOf } from "./architecture.ts";
import { batchShape, formatShape, shapeRule } from "./example_shape.ts";
import type { BackwardPass, ExampleShape, ForwardPass, Layer, LayerSpec } from "./module.ts";
import { describeLayers } from "./describe.ts";
import { SharedWeights } from "./shared_weights.ts";
import {
  allLayers,
  backwardThrough,
  firstTrained,
  forwardThrough,
  layersRule,
} from "./through_layers.ts";

/** What a model is made of. */
export interface SequentialOptions {
  /** Shape of one example: [features] (or tokens), [positions, channels] or [height, width, channels]. */
  readonly input: ExampleShape;
  /** The layers, from the inputs to the outputs; at least one. */
  readonly layers: readonly LayerSpec[];
  /** Seed of the initial weights: equal seeds give equal models. @default {0} */
  readonly seed?: number;
}

/** What the options take. */
const sequentialSchema = {
  input: shapeRule,
  layers: layersRule,
  seed: optional(number(), 0),
} satisfies SchemaOf<SequentialOptions>;

/**
 * Builds a model on a backend.
 *
 * Every layer is named by its kind and its number among the layers of that kind: `conv1`, `relu1`,
 * `conv2`, `dense1`. So a name, the key of checkpoints, survives the insertion of another kind of
 * layer. Every layer draws from a generator of its own.
 *
 * A description that stands in two places is one layer with one parameter, of one name: gradients, and the curvature
 * of every optimizer, are those of the sum over both places.
 *
 * @param backend Where the model lives; must outlive it.
 * @param options Shape of the input, layers and seed.
 * @returns The model; the caller disposes it. When anything throws, nothing stays allocated.
 * @throws {OptionError} When an option is unknown or outside its range.
 * @throws {ShapeError} When a layer cannot take what the one before it gives; names the layer.
 * @throws {BackendError} When the backend cannot hold a layer; names the layer and the bytes.
 *
 * @example One layer in two places
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, sequential, tanh } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const again = dense(4);
 * const layers = [again, tanh(), again, tanh(), dense(2)];
 * using model = sequential(backend, { input: [4], layers, seed: 1 });
 * assert.deepEqual(model.parameters.map(({ name }) => name), ["dense1", "dense2"]);
 * ```
 */
export function sequential(backend: Backend, options: SequentialOptions): Sequential {
  const subject = "Cannot create a sequential model";
  const { input, layers: specs, seed } = resolve(subject, options, sequentialSchema);
  const random = new Random(seed);
  const layers: Layer[] = [];
  const shared = new SharedWeights();
  const build = (spec: LayerSpec, input: ExampleShape): Layer => {
    const name = shared.nameOf(spec);
    const context = { backend, input, name, random: random.fork(), shared, build };
    return atLayer(name, () => spec.build(context));
  };
  return backend.building(() => {
    for (const spec of specs) layers.push(build(spec, layers.at(-1)?.output ?? input));
    checkPadding(layers);
    return new Sequential(backend, input, layers, specs);
  });
}

/** Only the first layer sees the inputs, by which padding is known. */
function checkPadding(layers: readonly Layer[]): void {
  const late = allLayers(layers.slice(1)).find((layer) => layer.maskOf?.([]) !== undefined);
  if (late === undefined) return;
  const expected = "to be the first layer of the model, which tells padding from its inputs";
  throw new ShapeError(`Cannot build '${late.name}'`, expected, "a place behind others");
}

/**
 * Layers in a row; owns them. Made by {@linkcode sequential}.
 *
 * @example What there is in a model
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, relu, type Sequential, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const layers = [dense(8), relu(), dense(3)];
 * using model: Sequential = sequential(backend, { input: [2], layers, seed: 1 });
 * assert.deepEqual(model.parameters.map(({ name }) => name), ["dense1", "dense2"]);
 * ```
 */
export class Sequential implements Disposable {
  /** Where the model lives. */
  readonly backend: Backend;
  /** Shape of one incoming example. */
  readonly input: ExampleShape;
  /** The layers, from the inputs to the outputs. */
  readonly layers: readonly Layer[];
  /** All matrices of weights, in the order of the layers. */
  readonly parameters: readonly Parameter[];
  /** What layers remember besides their parameters, by `layer.name`: `"batchNorm1.runningMoments"`. */
  readonly state: Readonly<Record<string, Matrix>>;
  /** What it is made of, as JSON without weights; `undefined` for a model of layers that were built by hand. */
  readonly architecture: string | undefined;
  #disposed = false;
  /** Parameters by the first of the layers that has them: their gradients are done when its are. */
  readonly #firstIn: readonly (readonly Parameter[])[];

  /**
   * Takes built layers over.
   *
   * @param backend Where they live.
   * @param input Shape of one example that the first of them takes.
   * @param layers At least one; each takes the shape that the one before it gives.
   * @param specs What they were built from, where that is known.
   */
  constructor(
    backend: Backend,
    input: ExampleShape,
    layers: readonly Layer[],
    specs?: readonly LayerSpec[],
  ) {
    this.backend = backend;
    this.input = input;
    this.layers = layers;
    this.architecture = specs && JSON.stringify(architectureOf(input, specs));
    const all = allLayers(layers);
    this.parameters = [...new Set(all.flatMap((layer) => layer.parameter ?? []))];
    const found = new Set<Parameter>();
    this.#firstIn = layers.map((layer) =>
      allLayers([layer]).flatMap(({ parameter }) => {
        if (parameter === undefined || found.has(parameter)) return [];
        found.add(parameter);
        return [parameter];
      })
    );
    this.state = Object.fromEntries(
      all.flatMap(({ name, state = {} }) =>
        Object.entries(state).map(([key, matrix]) => [`${name}.${key}`, matrix])
      ),
    );
  }

  /** Shape of one outgoing example. */
  get output(): ExampleShape {
    return this.layers[this.layers.length - 1].output;
  }

  /**
   * The model's outputs for a batch.
   *
   * @param x [N, features], or [N * height * width, channels] for images. Kept by reference until the
   * next forward pass.
   * @param examples N, >= 0.
   * @param pass What the pass is for; only one of training may be followed by `backward` where layers
   * tell the two apart. @default {{ kind: "inference" }}
   * @returns A scratch matrix, [N, features] or [N * height * width, channels] of the last layer.
   * @throws {ShapeError} When `x` has another shape.
   * @throws {StateError} When the model is disposed, or outside a scope.
   */
  forward(x: Matrix, examples: number, pass: ForwardPass = { kind: "inference" }): Matrix {
    if (this.#disposed) throw new StateError("Cannot run a model that has been disposed");
    const [rows, cols] = batchShape(this.input, examples);
    if (x.rows !== rows || x.cols !== cols) {
      const expected = `[${rows}, ${cols}] for ${examples} examples of ${formatShape(this.input)}`;
      throw new ShapeError("Cannot run the model", expected, shapeOf(x));
    }
    return forwardThrough(this.layers, x, examples, pass);
  }

  /**
   * Leaves parameter gradients and captures, from the last layer to the first that is trained.
   * May be called several times after one forward pass.
   *
   * @param g Gradient of the sum of the examples' losses with respect to the outputs of the last forward.
   * @param pass What the pass is for.
   * @param needInput Whether the gradient of the inputs is wanted, too. @default {false}
   * @returns Gradient with respect to the inputs (scratch), or `undefined` when it was not wanted.
   * @throws {StateError} Without a forward pass before it.
   */
  backward(g: Matrix, pass: BackwardPass, needInput = false): Matrix | undefined {
    const last = needInput ? 0 : firstTrained(this.layers);
    const own = pass.kind === "gradient" ? { ...pass, begun: new Set<Parameter>() } : pass;
    let signal: Matrix | undefined = g;
    for (let i = this.layers.length - 1; i >= last && signal !== undefined; i--) {
      signal = backwardThrough(this.layers[i], signal, own, needInput || i > last);
      if (own.kind === "gradient") own.done?.(this.#firstIn[i]);
    }
    return needInput ? signal : undefined;
  }

  /**
   * Freezes weights from the next step on: their layers leave neither gradients nor captures, optimizers leave
   * them alone, and nothing is propagated back below the first layer that is trained.
   *
   * @param select Which parameters. @default {all}
   */
  freeze(select: (parameter: Parameter) => boolean = () => true): void {
    this.#train(select, false);
  }

  /**
   * Trains weights that were frozen. What is known of their curvature is as old as they are: optimizers begin
   * their averages anew.
   *
   * @param select Which parameters. @default {all}
   */
  unfreeze(select: (parameter: Parameter) => boolean = () => true): void {
    this.#train(select, true);
  }

  #train(select: (parameter: Parameter) => boolean, trainable: boolean): void {
    for (const { parameter } of allLayers(this.layers)) {
      if (parameter === undefined || !select(parameter)) continue;
      parameter.trainable = trainable;
      // What it held is of weights that are to change no more.
      this.backend.axpby(parameter.gradient, 0, parameter.gradient, 0);
    }
  }

  /** An aligned table of layers, shapes and numbers of weights. */
  describe(): string {
    return describeLayers(this.input, this.layers);
  }

  /** Gives all weights and gradients back. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.layers.forEach((layer) => layer[Symbol.dispose]());
  }
}
