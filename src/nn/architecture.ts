/**
 * What a model is made of, as plain values.
 *
 * @module
 */

import { isRecord } from "../core/schema.ts";
import type { ExampleShape, LayerSpec } from "./module.ts";

/** A layer as plain values. */
export interface LayerDescription {
  /** Kind of layer; `"again"` for one that has been described before, by its `id` among the options. */
  readonly kind: string;
  /** What it was made with; layers inside it are described, too. Missing where the layer cannot say. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Number of a layer that comes again: its places share their weights. */
  readonly id?: number;
}

/** A model as plain values, without its weights. */
export interface Architecture {
  /** Shape of one example. */
  readonly input: ExampleShape;
  /** The layers, from the inputs to the outputs. */
  readonly layers: readonly LayerDescription[];
}

/** Describes a model that has been or is to be built. */
export function architectureOf(input: ExampleShape, layers: readonly LayerSpec[]): Architecture {
  const repeated = new Set<LayerSpec>();
  const seen = new Set<LayerSpec>();
  for (const spec of specsIn(layers)) (seen.has(spec) ? repeated : seen).add(spec);
  const ids = new Map<LayerSpec, number>();
  const description = (spec: LayerSpec): LayerDescription => {
    const known = ids.get(spec);
    if (known !== undefined) return { kind: "again", options: { id: known } };
    const { kind, options } = spec;
    if (repeated.has(spec)) ids.set(spec, ids.size + 1);
    const id = ids.has(spec) ? { id: ids.get(spec)! } : {};
    if (options === undefined) return { kind, ...id };
    const entries = Object.entries(options).map(([name, value]) => [name, inside(value)]);
    return { kind, options: Object.fromEntries(entries), ...id };
  };
  const inside = (value: unknown): unknown =>
    isSpec(value) ? description(value) : Array.isArray(value) ? value.map(inside) : value;
  return { input, layers: layers.map(description) };
}

/** All descriptions, as often as they occur; those inside others, too. */
function specsIn(value: unknown): LayerSpec[] {
  if (Array.isArray(value)) return value.flatMap(specsIn);
  return isSpec(value) ? [value, ...Object.values(value.options ?? {}).flatMap(specsIn)] : [];
}

function isSpec(value: unknown): value is LayerSpec {
  return isRecord(value) && typeof value["build"] === "function";
}
