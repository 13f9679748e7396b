/**
 * Leaving out what a model needs least.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import { leavesCaptures } from "../core/parameter.ts";
import { choice, flag, maybe, number, optional, resolve } from "../core/schema.ts";
import { Owner } from "../curvature/blocks/block.ts";
import { solveByProducts } from "./conjugate_gradients.ts";
import type { Curvature } from "./curvature.ts";
import { type InverseDamping, inverseDampingRule } from "./damping.ts";
import type { LayerCurvature } from "./layer_curvature.ts";
import { layersRule } from "./names.ts";
import { eigenbasisOf, type PruningUnit, saliencies } from "./saliency.ts";
import { type LongWork, Work } from "./work.ts";

const SUBJECT = "Cannot prune";

/** Options of {@linkcode prune}. */
export interface PruneOptions extends LongWork {
  /** Share of the units that is left out, over all chosen layers together, in [0, 1). */
  readonly share: number;
  /**
   * What is left out as a whole: single weights, outputs of a layer with all their weights, or directions of the
   * layer's eigenbasis. Biases stay, but for those of channels. @default {"weights"}
   */
  readonly unit?: PruningUnit;
  /** Layers that lose something, by name. @default {dense layers and convolutions without groups; of channels all but the last} */
  readonly layers?: readonly string[];
  /** What is added to eigenvalues before they are inverted; a number alone is lambda. @default {the curvature's own} */
  readonly damping?: InverseDamping | number;
  /** Whether weights that stay make up for those that go, as far as the curvature knows. @default {true} */
  readonly compensate?: boolean;
}

/** What was left out. */
export interface Pruned {
  /** Of each layer, which units stay: 1, or 0; [dOut * dIn'], or [dOut] of channels. */
  readonly kept: Readonly<Record<string, Uint8Array>>;
  /** What the mean loss should rise by: `1/2 d^T F d` for the change d of the weights. */
  readonly predictedRise: number;
}

const schema = {
  share: number({ min: 0, below: 1 }),
  unit: optional(choice("weights", "channels", "directions"), "weights"),
  layers: layersRule,
  damping: maybe(inverseDampingRule),
  compensate: optional(flag, true),
};

/**
 * Sets those units of a model to zero that raise the mean loss least, by the curvature (optimal brain surgeon: Hassibi
 * & Stork 1993; with Kronecker factors Wang, Grosse, Fidler & Zhang 2019, arXiv 1905.05934, who prune in the
 * eigenbasis), and moves the weights that stay to where the quadratic model is lowest without them. Nothing gets
 * smaller: shapes stay, `compress` makes layers that are.
 *
 * Limitations: second order about a minimum. Units are judged one by one; what two of them do together is only seen
 * by the compensation. The curvature belongs to the weights before: fit it again afterwards.
 *
 * @param curvature Of full rank, at the weights that the model has now.
 * @param options How much, and of what.
 * @throws {OptionError} When an option is unknown or out of range, or a layer's block keeps no eigenbasis.
 * @throws {StateError} When the model has other weights than the curvature was fitted at.
 * @throws The reason of the signal, when it is aborted. In each case nothing is written.
 *
 * @example Two inputs that say nearly the same: one of them does
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { curvatureOf, prune } from "@tekfac/tekfac/analysis";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * const layers = [dense(1, { bias: false })];
 * using model = sequential(backend, { input: [2], layers, seed: 1 });
 * const [{ value }] = model.parameters;
 * backend.write(value, [1, 2]);
 * const data = { inputs: [1, 1, -1, -1, 2, 2.1], targets: [3, -3, 6.2] };
 * using curvature = await curvatureOf(objective(model, squaredError()), data);
 * const { kept } = await prune(curvature, { share: 0.5, damping: 1e-6 });
 * assert.equal(kept.dense1.reduce((sum, one) => sum + one, 0), 1);
 * const [a, b] = backend.readSync(value);
 * assert(Math.abs(a + b - 3) < 0.1);
 * ```
 */
export async function prune<B>(curvature: Curvature<B>, options: PruneOptions): Promise<Pruned> {
  const { signal, onProgress, ...chosen } = options;
  const { share, unit, layers: names, damping, compensate } = resolve(SUBJECT, chosen, schema);
  const work = new Work({ signal, onProgress });
  const { backend } = curvature;
  const layers = chosenLayers(curvature, names, unit);
  const lambdas = layers.map((layer) => layer.lambda(damping));
  await curvature.checkModel(SUBJECT);
  const rises: ArrayLike<number>[] = [];
  for (const [l, layer] of layers.entries()) {
    rises.push(
      await backend.reading(() =>
        backend.scope(() => backend.read(saliencies(backend, layer, unit, lambdas[l])))
      ),
    );
  }
  const kept = masksOf(layers, rises, unit, share);
  const owner = new Owner();
  try {
    const [moved, numbers] = [[] as Matrix[], owner.alloc(backend, 1, 1)];
    let predictedRise = 0;
    for (const [l, layer] of layers.entries()) {
      const next = () => work.advance("layers", l, layers.length);
      await next();
      const { value } = layer.parameter;
      const out = owner.alloc(backend, value.rows, value.cols);
      const mask = owner.alloc(backend, value.rows, value.cols);
      backend.write(mask, unit === "channels" ? spread(kept[l], value.cols) : kept[l]);
      if (unit === "directions") turnOff(layer, out, mask);
      else {
        keep(layer, out, value, mask);
        if (compensate) await makeUp(layer, out, { mask, damping: lambdas[l], next });
      }
      backend.scope(() => {
        const [change, pull] = [0, 0].map(() => backend.scratch(value.rows, value.cols));
        backend.axpby(change, 1, out, 0);
        backend.axpby(change, -1, value, 1);
        layer.multiply(pull, change);
        backend.dot(numbers, change, pull);
      });
      predictedRise += (await backend.read(numbers))[0] / 2;
      moved.push(out);
    }
    layers.forEach(({ parameter }, l) => backend.axpby(parameter.value, 1, moved[l], 0));
    return {
      kept: Object.fromEntries(layers.map(({ name }, l) => [name, kept[l]])),
      predictedRise,
    };
  } finally {
    owner[Symbol.dispose]();
  }
}

/** Layers with a Kronecker basis; those that were named must have one. */
function chosenLayers<B>(
  curvature: Curvature<B>,
  names: readonly string[] | undefined,
  unit: PruningUnit,
): readonly LayerCurvature[] {
  const all = curvature.layersOf(SUBJECT, names).filter(({ block, parameter: { layer } }) =>
    names !== undefined || (leavesCaptures(layer) && block.eigenbasis !== undefined)
  );
  const last = curvature.objective.parameters.at(-1);
  const layers = names === undefined && unit === "channels"
    ? all.filter(({ parameter }) => parameter !== last)
    : all;
  if (layers.length === 0) {
    const expectation =
      "must leave a dense layer or a convolution, of a curvature with rank 'full'";
    throw new OptionError(SUBJECT, "layers", expectation, names);
  }
  for (const layer of layers) eigenbasisOf(SUBJECT, layer);
  return layers;
}

/** 1 for what stays: the least of all layers go. */
function masksOf(
  layers: readonly LayerCurvature[],
  rises: readonly ArrayLike<number>[],
  unit: PruningUnit,
  share: number,
): Uint8Array[] {
  const units = rises.flatMap((rise, l) => {
    const { layer, value: { cols } } = layers[l].parameter;
    const bias = layer.kind === "dense"
      ? layer.bias
      : layer.kind === "conv2d" && layer.geometry.bias;
    const isBias = (i: number): boolean => unit === "weights" && bias && i % cols === cols - 1;
    return Array.from(rise, (rise, i) => ({ l, i, rise })).filter(({ i }) => !isBias(i));
  });
  units.sort((a, b) => a.rise - b.rise);
  const kept = rises.map((rise) => new Uint8Array(rise.length).fill(1));
  for (const { l, i } of units.slice(0, Math.round(share * units.length))) kept[l][i] = 0;
  return kept;
}

/** Each number `cols` times. */
function spread(mask: Uint8Array, cols: number): Uint8Array {
  return Uint8Array.from({ length: mask.length * cols }, (_, i) => mask[Math.floor(i / cols)]);
}

/** `out = mask o x`, by the gate that ReLU uses: through where the mask is above 0. */
function keep({ backend }: LayerCurvature, out: Matrix, x: Matrix, mask: Matrix): void {
  backend.activationGradient("relu", out, mask, x);
}

/** Leaves out coordinates in the layer's basis. */
function turnOff(layer: LayerCurvature, out: Matrix, mask: Matrix): void {
  const { backend, parameter: { value } } = layer;
  const { basis } = eigenbasisOf(SUBJECT, layer);
  backend.scope(() => {
    const coordinates = backend.scratch(value.rows, value.cols);
    if (basis === undefined) return keep(layer, out, value, mask);
    backend.rotateInto(coordinates, value, basis);
    keep(layer, coordinates, coordinates, mask);
    backend.rotateBack(out, coordinates, basis);
  });
}

/** `M (F + lambda) M x = M (F + lambda) w` for the weights x that stay, by the mask M. */
async function makeUp(
  layer: LayerCurvature,
  x: Matrix,
  { mask, damping, next }: {
    readonly mask: Matrix;
    readonly damping: number;
    readonly next: () => Promise<void>;
  },
): Promise<void> {
  const { backend, parameter: { value } } = layer;
  const apply = (out: Matrix, v: Matrix): void => {
    layer.multiply(out, v);
    backend.axpby(out, damping, v, 1);
    keep(layer, out, out, mask);
  };
  const b = backend.alloc(value.rows, value.cols);
  try {
    apply(b, value);
    await solveByProducts(backend, apply, x, b, next);
  } finally {
    b[Symbol.dispose]();
  }
}
