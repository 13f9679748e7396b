/**
 * The layers of a network case, from the golden file's words to the library's.
 *
 * @module
 */

import { DataError } from "@tekfac/tekfac/core";
import {
  attention,
  conv1d,
  conv2d,
  dense,
  embedding,
  flatten,
  gelu,
  layerNorm,
  type LayerSpec,
  meanPositions,
  relu,
  residual,
  rmsNorm,
  silu,
  tanh,
} from "@tekfac/tekfac/nn";
import { flattenChannels } from "./channels_first.ts";
import type { Fields } from "./fields.ts";

const yes = (fields: Fields, name: string) => !fields.has(name) || fields.flag(name);

const normalization = (fields: Fields) => ({
  epsilon: fields.numberOr("epsilon", 1e-5),
  shift: yes(fields, "shift"),
});

const MAKERS: Readonly<Record<string, (fields: Fields) => LayerSpec>> = {
  embedding: (fields) =>
    embedding({
      vocabulary: fields.number("vocabulary"),
      width: fields.number("width"),
      ...(fields.has("positions") ? { positions: fields.number("positions") } : {}),
    }),
  layerNorm: (fields) => layerNorm(normalization(fields)),
  rmsNorm: (fields) => rmsNorm(normalization(fields)),
  attention: (fields) =>
    attention({
      heads: fields.number("heads"),
      causal: fields.flag("causal"),
      bias: yes(fields, "bias"),
    }),
  conv1d: (fields) =>
    conv1d(fields.number("channels"), {
      kernel: fields.number("kernel"),
      stride: fields.numberOr("stride", 1),
      padding: fields.numberOr("padding", 0),
      dilation: fields.numberOr("dilation", 1),
      groups: fields.numberOr("groups", 1),
      bias: yes(fields, "bias"),
    }),
  conv2d: (fields) =>
    conv2d(fields.number("channels"), {
      kernel: fields.numberOrPair("kernel", 1),
      stride: fields.numberOrPair("stride", 1),
      padding: fields.numberOrPair("padding", 0),
      dilation: fields.numberOrPair("dilation", 1),
      groups: fields.numberOr("groups", 1),
      bias: yes(fields, "bias"),
    }),
  dense: (fields) => dense(fields.number("units"), { bias: yes(fields, "bias") }),
  gelu: () => gelu(),
  silu,
  tanh,
  relu,
  meanPositions,
  flatten,
};

/** Whether the arrays of a network have channels first: where it has convolutions. */
export function hasConvolutions(layers: readonly Fields[]): boolean {
  return layers.some((layer) => {
    return ["conv1d", "conv2d"].includes(layer.text("type")) ||
      layer.has("layers") && hasConvolutions(layer.groups("layers"));
  });
}

/**
 * The layer that a golden file describes.
 *
 * @param channelsFirst Whether the network's arrays have channels first.
 * @throws {DataError} When there is no such layer yet; names it.
 */
export function layerOf(fields: Fields, channelsFirst: boolean): LayerSpec {
  const type = fields.text("type");
  const inner = (layer: Fields) => layerOf(layer, channelsFirst);
  if (type === "residual") return residual(fields.groups("layers").map(inner));
  if (type === "flatten" && channelsFirst) return flattenChannels();
  const make = MAKERS[type];
  if (make !== undefined) return make(fields);
  throw new DataError(
    "layers",
    `networks with a layer '${type}' cannot be checked: there are ${
      [...Object.keys(MAKERS), "residual"].join(", ")
    }`,
  );
}
