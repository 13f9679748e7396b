/**
 * What a layer needs to become operations.
 *
 * @module
 */

import type { Pair } from "../../core/geometry.ts";
import type { LayerDescription } from "../../nn/architecture.ts";
import type { Layer } from "../../nn/module.ts";
import type { GraphBuilder, Value } from "./graph.ts";

/** A layer, and where it is to go. */
export interface Site {
  readonly graph: GraphBuilder;
  readonly layer: Layer;
  /** What the layer was made with. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Weights in the public order and running moments, by the names that checkpoints use. */
  readonly arrays: ReadonlyMap<string, Float64Array>;
  /** Descriptions of layers that come again, by their numbers; filled on the way. */
  readonly known: Map<unknown, LayerDescription>;
}

/** Adds the operations of a layer. */
export type Rule = (x: Value, site: Site) => Value;

/** Attributes of a window that slides. */
export function windowAttributes(
  { kernel, stride, padding }: Record<"kernel" | "stride" | "padding", Pair>,
): Record<string, readonly number[]> {
  return { kernel_shape: kernel, strides: stride, pads: [...padding, ...padding] };
}
