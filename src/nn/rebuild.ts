/**
 * A model made anew from the description of another, with its weights.
 *
 * @module
 */

import { StateError } from "../core/errors.ts";
import type { Architecture, LayerDescription } from "./architecture.ts";
import { isDescribable, layersFrom } from "./layers_from.ts";
import type { Layer } from "./module.ts";
import { type Sequential, sequential } from "./sequential.ts";

/** How a model is changed. */
export interface Rebuilding {
  /** What is being done, for messages. */
  readonly subject: string;
  /** What a layer becomes; those inside blocks and branches are asked for one by one. */
  edit(description: LayerDescription, index: number, layer: Layer): LayerDescription;
  /** Copies a layer that has become another; `false` where it has not, and is copied as it is. */
  copy(from: Layer, to: Layer): boolean;
}

/**
 * Builds the changed model on the same backend, and copies what has stayed: weights, running moments, what is frozen.
 *
 * @returns The new model; the caller disposes both.
 * @throws {StateError} When a layer cannot be described (a custom one).
 */
export function rebuilt(model: Sequential, { subject, edit, copy }: Rebuilding): Sequential {
  const { backend, input } = model;
  const { layers } = JSON.parse(model.architecture ?? "{}") as Partial<Architecture>;
  if (layers === undefined || !layers.every(isDescribable)) {
    throw new StateError(`${subject}: a layer of it cannot be made again from a description`);
  }
  const edited = editAll(layers, model.layers, edit);
  return backend.building(() => {
    const result = sequential(backend, { input, layers: layersFrom(edited, "model") });
    // A layer that stands in several places is copied once.
    const done = new Set<string>();
    const copyAll = (from: readonly Layer[], to: readonly Layer[]): void =>
      from.forEach((layer, i) => {
        if (done.has(layer.name)) return;
        done.add(layer.name);
        if (copy(layer, to[i])) return;
        if (layer.parameter !== undefined) {
          backend.axpby(to[i].parameter!.value, 1, layer.parameter.value, 0);
          if (layer.parameter.trainable === false) to[i].parameter!.trainable = false;
        }
        for (const [name, matrix] of Object.entries(layer.state ?? {})) {
          backend.axpby(to[i].state![name], 1, matrix, 0);
        }
        copyAll(layer.layers ?? [], to[i].layers ?? []);
      });
    copyAll(model.layers, result.layers);
    return result;
  });
}

function editAll(
  descriptions: readonly LayerDescription[],
  layers: readonly Layer[],
  edit: Rebuilding["edit"],
): LayerDescription[] {
  return descriptions.map((description, i) => {
    const { kind, options } = description;
    const inner = layers[i].layers ?? [];
    if (kind === "residual") {
      const body = editAll(options!["body"] as LayerDescription[], inner, edit);
      return { ...description, options: { body } };
    }
    if (kind === "concatenate") {
      let next = 0;
      const branches = (options!["branches"] as LayerDescription[][]).map((branch) =>
        editAll(branch, inner.slice(next, next += branch.length), edit)
      );
      return { ...description, options: { branches } };
    }
    return edit(description, i, layers[i]);
  });
}
