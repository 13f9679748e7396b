/**
 * Which layers use a parameter, and what curvature is to know of it.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture } from "../core/capture.ts";
import { StateError } from "../core/errors.ts";
import { isTrainable, type Parameter } from "../core/parameter.ts";
import type { LayerBlock } from "../curvature/blocks/block.ts";
import type { Layer } from "./module.ts";
import type { Sequential } from "./sequential.ts";
import { sharedCapture } from "../curvature/shared_capture.ts";
import { allLayers } from "./through_layers.ts";

/** The layers of a model by their parameters. */
export class ParameterLayers {
  readonly #backend: Backend;
  /** In the order of computation; more than one where they share it. */
  readonly #layers: ReadonlyMap<Parameter, readonly Layer[]>;

  /** Of all parameters of a model. */
  constructor({ backend, layers, parameters }: Sequential) {
    const all = allLayers(layers);
    this.#backend = backend;
    this.#layers = new Map(
      parameters.map((parameter) => [
        parameter,
        all.filter((layer) => layer.parameter === parameter),
      ]),
    );
  }

  /** The block that all layers of a parameter make, if they do. */
  blockOf(parameter: Parameter): LayerBlock | undefined {
    const [block, ...others] = (this.#layers.get(parameter) ?? []).map((layer) => layer.block);
    return others.includes(undefined) ? undefined : block;
  }

  /** See `ModelObjective.capture`. */
  capture(parameter: Parameter): Capture | undefined {
    const layers = this.#layers.get(parameter);
    if (layers === undefined) {
      throw new StateError(`Cannot look up '${parameter.name}': it belongs to another model`);
    }
    // A frozen layer may still hold what it left before it was.
    if (!isTrainable(parameter)) return undefined;
    const [capture, ...others] = layers.flatMap((layer) => layer.capture ?? []);
    const join = layers[0].parameter?.joinCaptures ?? sharedCapture;
    return others.length === 0 ? capture : join(this.#backend, [capture, ...others]);
  }
}
