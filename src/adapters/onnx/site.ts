/**
 * What a layer needs to become operations.
 *
 * @module
 */

import { StateError } from "../../core/errors.ts";
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

/** Refuses a layer some of whose options have no operations. */
export function notExported(name: string, what: string): StateError {
  return new StateError(`Cannot export '${name}' ${what}: they have no ONNX operations here`);
}

/** Attributes of a window that slides. */
export function windowAttributes(
  { kernel, stride, padding }: Record<"kernel" | "stride" | "padding", Pair>,
): Record<string, readonly number[]> {
  return { kernel_shape: kernel, strides: stride, pads: [...padding, ...padding] };
}
