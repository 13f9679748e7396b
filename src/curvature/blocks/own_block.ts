/**
 * Which layers have a block of their own.
 *
 * @module
 */

import { isNormalization, type LayerKind } from "../../core/parameter.ts";
import type { LayerBlock } from "./block.ts";
import { EmbeddingBlock } from "./embedding.ts";
import { groupsBlock } from "./groups_block.ts";
import { ScaleShiftBlock } from "./scale_shift.ts";

/**
 * What makes the block of a layer whose curvature is neither that of a dense layer nor of one convolution: of a table
 * an {@linkcode EmbeddingBlock}, of scales above shifts a {@linkcode ScaleShiftBlock}, of a convolution with groups
 * what {@linkcode groupsBlock} makes; `undefined` for all others, scales alone among them.
 *
 * @param rows Of its parameter.
 *
 * @example For the option `block` of an `ExternalParameter`
 * ```ts
 * import assert from "node:assert/strict";
 * import { ownBlock } from "@tekfac/tekfac/curvature";
 * import { type ExternalParameter } from "@tekfac/tekfac/optim";
 *
 * const layer = { kind: "embedding" } as const;
 * const table: ExternalParameter = { name: "table", layer, shape: [9, 4], block: ownBlock(layer, 9)! };
 * assert.equal(typeof table.block, "function");
 * assert.equal(ownBlock({ kind: "dense", bias: true }, 4), undefined);
 * ```
 */
export function ownBlock(layer: LayerKind, rows: number): LayerBlock | undefined {
  if (layer.kind === "embedding") return (...of) => new EmbeddingBlock(...of);
  if (layer.kind === "conv2d" && (layer.geometry.groups ?? 1) > 1) return groupsBlock;
  return isNormalization(layer) && rows === 2 ? (...of) => new ScaleShiftBlock(...of) : undefined;
}
