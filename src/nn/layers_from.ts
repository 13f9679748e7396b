/**
 * Layers from their descriptions, so that a model can be kept without the code that made it.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { isRecord } from "../core/schema.ts";
import { relu, sigmoid, tanh } from "./activations.ts";
import type { LayerDescription } from "./architecture.ts";
import { attention } from "./attention.ts";
import { batchNorm2d } from "./batch_norm2d.ts";
import { concatenate } from "./concatenate.ts";
import { conv1d } from "./conv1d.ts";
import { conv2d } from "./conv2d.ts";
import { conv2dTranspose } from "./conv2d_transpose.ts";
import { dense } from "./dense.ts";
import { dropout } from "./dropout.ts";
import { embedding } from "./embedding.ts";
import { flatten } from "./flatten.ts";
import { groupNorm } from "./group_norm.ts";
import { zeros } from "./init.ts";
import { lora } from "./lora.ts";
import type { LayerSpec } from "./module.ts";
import { masking } from "./masking.ts";
import { averagePool2d, globalAveragePool2d, maxPool2d } from "./pool.ts";
import { lastPosition, meanPositions } from "./positions.ts";
import { residual } from "./residual.ts";
import { layerNorm, rmsNorm } from "./row_norm.ts";
import { softmax } from "./softmax.ts";
import { gelu, silu, softplus } from "./smooth_activations.ts";
import { tiedHead } from "./tied_head.ts";

/** Options of any layer: each layer checks its own. */
// deno-lint-ignore no-explicit-any
type Options = any;

/** Layers inside another, of the same file. */
type Inside = (descriptions: unknown) => LayerSpec[];

const LAYERS: ReadonlyMap<string, (options: Options, inside: Inside) => LayerSpec> = new Map([
  ["attention", (options: Options) => attention({ ...options, init: zeros })],
  ["averagePool", (options: Options) => averagePool2d(options)],
  ["batchNorm", (options: Options) => batchNorm2d(options)],
  ["concatenate", ({ branches }: Options, inside: Inside) => concatenate(branches.map(inside))],
  [
    "conv",
    ({ outChannels, ...options }: Options) => conv2d(outChannels, { ...options, init: zeros }),
  ],
  [
    "conv1d",
    ({ outChannels, ...options }: Options) => conv1d(outChannels, { ...options, init: zeros }),
  ],
  [
    "convTranspose",
    ({ outChannels, ...options }: Options) =>
      conv2dTranspose(outChannels, { ...options, init: zeros }),
  ],
  [
    "dense",
    ({ outFeatures, ...options }: Options) => dense(outFeatures, { ...options, init: zeros }),
  ],
  ["dropout", ({ rate }: Options) => dropout(rate)],
  ["embedding", (options: Options) => embedding({ ...options, init: zeros })],
  ["flatten", () => flatten()],
  ["gelu", (options: Options) => gelu(options)],
  ["globalAveragePool", () => globalAveragePool2d()],
  ["groupNorm", (options: Options) => groupNorm(options)],
  ["lastPosition", () => lastPosition()],
  ["layerNorm", (options: Options) => layerNorm(options)],
  [
    "lora",
    ({ outFeatures, ...options }: Options) => lora(outFeatures, { ...options, init: zeros }),
  ],
  ["masking", ({ value }: Options) => masking(value)],
  ["maxPool", (options: Options) => maxPool2d(options)],
  ["meanPositions", () => meanPositions()],
  ["relu", () => relu()],
  ["residual", ({ body }: Options, inside: Inside) => residual(inside(body))],
  ["rmsNorm", (options: Options) => rmsNorm(options)],
  ["sigmoid", () => sigmoid()],
  ["silu", () => silu()],
  ["softmax", () => softmax()],
  ["softplus", () => softplus()],
  ["tanh", () => tanh()],
  ["tiedHead", ({ tokens }: Options, inside: Inside) => tiedHead(inside([tokens])[0])],
]);

/**
 * Layers as they were described by `architectureOf`, with initial weights of zero.
 *
 * @param descriptions Plain values, as `JSON.parse` gives them.
 * @param source What messages call the file they come from.
 * @throws {DataError} When a layer is of a kind that is not known, or cannot have such options.
 */
export function layersFrom(descriptions: unknown, source: string): LayerSpec[] {
  const made = new Map<unknown, LayerSpec>();
  const inside = (descriptions: unknown): LayerSpec[] => {
    if (!Array.isArray(descriptions)) throw new DataError(source, "expected a list of layers");
    return descriptions.map(layerFrom);
  };
  const layerFrom = (description: unknown): LayerSpec => {
    const { kind, options, id } = isRecord(description)
      ? description as Partial<LayerDescription>
      : {};
    const again = kind === AGAIN ? made.get(options?.["id"]) : undefined;
    if (again !== undefined) return again;
    const create = LAYERS.get(kind ?? "");
    if (create === undefined || !isRecord(options)) {
      throw new DataError(source, `its layer '${kind}' is of no kind that this version can make`);
    }
    try {
      const spec = create(options, inside);
      if (id !== undefined) made.set(id, spec);
      return spec;
    } catch (cause) {
      if (cause instanceof DataError) throw cause;
      const reason = cause instanceof Error ? cause.message : `${cause}`;
      throw new DataError(source, `its layer '${kind}' is damaged: ${reason}`, { cause });
    }
  };
  return inside(descriptions);
}

/** Stands for a layer that was described before. */
const AGAIN = "again";

/** Whether {@linkcode layersFrom} can make a layer, and those inside it, again. */
export function isDescribable({ kind, options }: LayerDescription): boolean {
  if (kind === AGAIN) return true;
  if (options === undefined || !LAYERS.has(kind)) return false;
  const describable = (value: unknown): boolean =>
    Array.isArray(value)
      ? value.every(describable)
      : !isRecord(value) || isDescribable(value as unknown as LayerDescription);
  return Object.values(options).every(describable);
}
