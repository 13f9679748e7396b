/**
 * What a model is to an optimizer: named matrices with gradients.
 *
 * @module
 */

import type { Matrix } from "./matrix.ts";
import type { ConvGeometry } from "./geometry.ts";

/** The kind of layer a weight matrix belongs to; decides which captures it leaves. */
export type LayerKind =
  /**
   * `outputs = inputs Wbar^T`, for one row per example or for every position of a sequence; `bias` tells whether
   * the last column is one, and `positions` how many rows an example has (1 unless it is there).
   */
  | { readonly kind: "dense"; readonly bias: boolean; readonly positions?: number }
  /** The same for every patch of an image. */
  | { readonly kind: "conv2d"; readonly geometry: ConvGeometry }
  /**
   * Scales above shifts of normalised channels, [2, C]. Captures are not needed: an example's gradient has no
   * meaning of its own where the batch normalises itself. A diagonal approximation unless the layer makes its block.
   * Weight decay leaves them out unless it is told otherwise.
   */
  | { readonly kind: "normalization" }
  /**
   * Scales above shifts of channels, [2, C] or (scales alone) [1, C], of rows that are normalised each for itself.
   * Captures of kind `elements`. Weight decay leaves them out, too.
   */
  | { readonly kind: "scaleShift" }
  /** A table, one row per token, [V, dOut]: the transpose of weights that see unit vectors. */
  | { readonly kind: "embedding" }
  /** Anything else: no captures; only a diagonal approximation is possible. */
  | { readonly kind: "other" };

/**
 * Whether layers of a kind leave captures, so that their curvature can have Kronecker factors.
 *
 * @example Which layers can have Kronecker factors
 * ```ts
 * import assert from "node:assert/strict";
 *
 * import { leavesCaptures } from "@tekfac/tekfac/core";
 *
 * assert(leavesCaptures({ kind: "dense", bias: true }));
 * ```
 */
export function leavesCaptures(
  layer: LayerKind,
): layer is Extract<LayerKind, { readonly kind: "dense" | "conv2d" }> {
  return layer.kind === "dense" || layer.kind === "conv2d";
}

/**
 * Whether a parameter holds scales, above shifts or alone, of a normalisation.
 *
 * @example Weights are none
 * ```ts
 * import assert from "node:assert/strict";
 *
 * import { isNormalization } from "@tekfac/tekfac/core";
 *
 * assert(isNormalization({ kind: "scaleShift" }));
 * assert(!isNormalization({ kind: "dense", bias: true }));
 * ```
 */
export function isNormalization({ kind }: LayerKind): boolean {
  return kind === "normalization" || kind === "scaleShift";
}

/**
 * One trainable matrix of a model. For dense and convolutional layers it is the homogeneous matrix
 * `Wbar = [weights | bias]` of shape [dOut, dIn'], so that bias and weights share a curvature block. Tables of
 * embeddings lie the other way round, a row per token.
 */
export interface Parameter {
  /** Unique within the model and stable over runs; keys of checkpoints: `"dense1"`. */
  readonly name: string;
  /** The layer it belongs to. */
  readonly layer: LayerKind;
  /** The weights, [dOut, dIn']. */
  readonly value: Matrix;
  /** The gradient of the mean loss, same shape. */
  readonly gradient: Matrix;
  /**
   * `false` while the weights are frozen: then its layer leaves neither a gradient nor a capture, and optimizers
   * leave it alone. May change between steps. @default {true}
   */
  readonly trainable?: boolean;
}

/**
 * Whether a parameter's weights are to change.
 *
 * @example A parameter is trained unless it says otherwise
 * ```ts
 * import assert from "node:assert/strict";
 * import { isTrainable } from "@tekfac/tekfac/core";
 *
 * assert(isTrainable({}));
 * assert(!isTrainable({ trainable: false }));
 * ```
 */
export function isTrainable({ trainable = true }: Pick<Parameter, "trainable">): boolean {
  return trainable;
}
