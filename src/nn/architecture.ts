/**
 * What a model is made of, as plain values.
 *
 * @module
 */

import { isRecord } from "../core/schema.ts";
import type { ExampleShape, LayerSpec } from "./module.ts";

/** A layer as plain values. */
export interface LayerDescription {
  /** Kind of layer. */
  readonly kind: string;
  /** What it was made with; layers inside it are described, too. Missing where the layer cannot say. */
  readonly options?: Readonly<Record<string, unknown>>;
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
  return { input, layers: layers.map(descriptionOf) };
}

function descriptionOf({ kind, options }: LayerSpec): LayerDescription {
  if (options === undefined) return { kind };
  const entries = Object.entries(options).map(([name, value]) => [
    name,
    isSpecs(value) ? value.map(descriptionOf) : isBranches(value) ? value.map(layersOf) : value,
  ]);
  return { kind, options: Object.fromEntries(entries) };
}

function isBranches(value: unknown): value is readonly (readonly LayerSpec[])[] {
  return Array.isArray(value) && value.some(isSpecs);
}

function layersOf(branch: readonly LayerSpec[]): readonly LayerDescription[] {
  return branch.map(descriptionOf);
}

function isSpecs(value: unknown): value is readonly LayerSpec[] {
  return Array.isArray(value) && value.length > 0 &&
    value.every((spec) => isRecord(spec) && typeof spec["build"] === "function");
}
