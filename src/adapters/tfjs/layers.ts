/**
 * What a TensorFlow.js model looks like to curvature: which of its layers leave captures, and how
 * their variables become the matrices of this library.
 *
 * @module
 */

import type { Variable } from "npm:@tensorflow/tfjs-core@4.22.0";
import type { LayersModel } from "npm:@tensorflow/tfjs-layers@4.22.0";
import { StateError } from "../../core/errors.ts";
import { ownBlock } from "../../curvature/blocks/own_block.ts";
import type { ExternalParameter } from "../../optim/external_parameter.ts";
import { type Border, formOf, type Part, type Watch } from "./forms.ts";
import { layersOf, type LayerUse, type TfLayer, unfrozen } from "./graph.ts";

/** One trainable matrix of this library, and the variables of the model that it is. */
export interface Site {
  /** The matrix. */
  readonly parameter: ExternalParameter;
  /** Kernel and bias, scales and shifts, a table; the one variable of any other parameter. */
  readonly variables: readonly Variable[];
  /** Only where the framework's own padding is not the same on both sides. */
  readonly border?: Border;
}

/** A layer with weights that are trained. */
export interface WatchedLayer {
  /** The layer whose calls are watched. */
  readonly layer: TfLayer;
  /** See {@linkcode LayerUse.wrappers}. */
  readonly wrappers: readonly TfLayer[];
  /** How. */
  readonly watch: Watch;
  /** Its matrices. */
  readonly sites: readonly Site[];
  /** Calls in a step, where the model alone decides. */
  readonly calls: number | undefined;
  /** Whether what enters it depends on trained weights, so that the gradient has to go on to its input. */
  readonly inner: boolean;
}

/** All trained layers of a model. */
export interface WatchedModel {
  /** In an order in which each comes after those it depends on. */
  readonly layers: readonly WatchedLayer[];
  /** A sentence for each layer whose weights have no more than a diagonal. */
  readonly diagonals: readonly string[];
  /** Sentences on what else may surprise. */
  readonly warnings: readonly string[];
}

/**
 * All trainable matrices of a model, in the order of its layers. Dense layers, embeddings, convolutions and layer
 * normalisations leave captures, in models inside the model and in `TimeDistributed`, too; every variable of
 * another layer is a parameter of kind `other`.
 *
 * @throws {StateError} When the model has no layers yet, or nothing to train.
 */
export function watchedLayers(model: LayersModel): WatchedModel {
  const names = new Set<string>();
  const unique = (name: string): string => {
    let candidate = name;
    for (let i = 2; names.has(candidate); i++) candidate = `${name}#${i}`;
    names.add(candidate);
    return candidate;
  };
  const diagonals: string[] = [];
  const uses = layersOf(model as unknown as TfLayer);
  const layers = uses.map((use, index): WatchedLayer => {
    const form = formOf(use);
    const { layer, shapes, repeated, wrappers } = use;
    if (typeof form === "string") {
      diagonals.push(
        `Layer '${layer.name}' (${layer.getClassName()}) has a diagonal from mean gradients in the place of ` +
          `Kronecker factors: ${form}`,
      );
    }
    const parts = typeof form === "string" ? othersOf(use) : form.parts;
    const again = repeated || shapes.length > 1;
    return {
      layer,
      wrappers,
      watch: typeof form === "string" ? "nothing" : form.watch,
      sites: parts.map((part) => siteOf(unique(layer.name + part.suffix), part)),
      calls: repeated ? undefined : shapes.length,
      // A layer may be called on what it made itself.
      inner: index > 0 || again,
    };
  });
  const warnings = unfrozen(model as unknown as TfLayer, uses);
  if (layers.length > 0) return { layers, diagonals, warnings };
  throw new StateError(`Cannot optimize model '${model.name}': it has no trainable weights`);
}

function siteOf(name: string, { layer, shape, variables, border }: Part): Site {
  const block = ownBlock(layer, shape[0]);
  return {
    parameter: { name, layer, shape, ...(block === undefined ? {} : { block }) },
    variables,
    ...(border === undefined ? {} : { border }),
  };
}

/** Each variable by itself. */
function othersOf({ weights }: LayerUse): Part[] {
  return weights.map((weight) => {
    const variable = weight.read();
    return {
      suffix: `/${weight.originalName.split("/").at(-1)}`,
      variables: [variable],
      layer: { kind: "other" },
      shape: [1, variable.size],
    };
  });
}
