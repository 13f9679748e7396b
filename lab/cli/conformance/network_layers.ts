/**
 * The layers of a network case, from the golden file's words to the library's.
 *
 * @module
 */

import { DataError } from "@tekfac/tekfac/core";
import {
  attention,
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
  dense: (fields) => dense(fields.number("units"), { bias: yes(fields, "bias") }),
  residual: (fields) => residual(fields.groups("layers").map(layerOf)),
  gelu: () => gelu(),
  silu,
  tanh,
  relu,
  meanPositions,
  flatten,
};

/**
 * The layer that a golden file describes.
 *
 * @throws {DataError} When there is no such layer yet; names it.
 */
export function layerOf(fields: Fields): LayerSpec {
  const type = fields.text("type");
  const make = MAKERS[type];
  if (make !== undefined) return make(fields);
  throw new DataError(
    "layers",
    `networks with a layer '${type}' cannot be checked: there are ${
      Object.keys(MAKERS).join(", ")
    }`,
  );
}
