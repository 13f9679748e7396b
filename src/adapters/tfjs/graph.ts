/**
 * The layers of a TensorFlow.js model, those of models and wrappers inside it too, and how often each is called.
 *
 * @module
 */

import type { Tensor, Variable } from "npm:@tensorflow/tfjs-core@4.22.0";
import { StateError } from "../../core/errors.ts";

/** The parts of a layer that the adapter touches; some are protected in the framework's types. */
export interface TfLayer {
  readonly name: string;
  trainable: boolean;
  readonly trainableWeights: readonly TfWeight[];
  getClassName(): string;
  call(inputs: Tensor | Tensor[], kwargs: unknown): Tensor | Tensor[];
  /** Dense and convolutional layers: */
  activation: TfActivation | null;
  readonly kernel?: TfWeight | null;
  readonly bias?: TfWeight | null;
  readonly depthwiseKernel?: TfWeight | null;
  readonly pointwiseKernel?: TfWeight | null;
  readonly kernelSize: readonly number[];
  readonly strides: readonly number[];
  readonly dilationRate: readonly number[];
  readonly padding: string;
  readonly dataFormat: string;
  /** Normalisations: */
  readonly gamma?: TfWeight | null;
  readonly beta?: TfWeight | null;
  readonly axis?: number | readonly number[];
  readonly scale?: boolean;
  readonly epsilon: number;
  /** Embeddings: */
  readonly embeddings?: TfWeight | null;
  /** Wrappers: */
  readonly layer?: TfLayer;
  /** Models used as layers: */
  readonly layers?: readonly TfLayer[];
  readonly inputs?: readonly unknown[];
  readonly built: boolean;
  readonly nodesByDepth?: Readonly<Record<string, readonly TfNode[]>>;
  /** What a `Sequential` runs: where its first layer is a model, the layers of that stand in its place. */
  readonly model?: TfLayer;
  build(): void;
}

/** A weight of a layer. */
export interface TfWeight {
  readonly originalName: string;
  read(): Variable;
}

/** An activation function as an object. */
export interface TfActivation {
  getClassName(): string;
  apply(x: Tensor): Tensor;
}

/** One use of a layer in a model's graph. */
interface TfNode {
  readonly outboundLayer: TfLayer;
  readonly inputShapes: readonly Shape[];
}

/** Begins with the batch's `null`; other sizes may be unknown, too. */
export type Shape = readonly (number | null)[];

/** How a model calls a layer. */
export interface LayerUse {
  readonly layer: TfLayer;
  /** Those of its weights that are trained, at least one. */
  readonly weights: readonly TfWeight[];
  /** Shape of its input at each place where it stands. */
  readonly shapes: readonly Shape[];
  /** Whether it is called once for every step of a sequence: how often, only the batch tells. */
  readonly repeated: boolean;
  /** `TimeDistributed` layers around a dense one, which takes all steps at once as well. */
  readonly wrappers: readonly TfLayer[];
}

/**
 * Every trained layer of a model, in an order in which each comes after those it depends on.
 *
 * @throws {StateError} When the model, or one inside it, has no layers yet.
 */
export function layersOf(model: TfLayer): LayerUse[] {
  const whole = graphOf(model);
  // As `compile` does, which thereby unfreezes a model that stands first.
  if (whole !== model) whole.trainable = model.trainable;
  // Layers of a frozen model may call themselves trainable; the framework asks the model.
  const trained = new Set(whole.trainableWeights);
  const uses = new Map<TfLayer, LayerUse>();
  const note = ({ layer, ...use }: Omit<LayerUse, "weights">): void => {
    const known = uses.get(layer);
    uses.set(layer, {
      layer,
      weights: layer.trainableWeights.filter((weight) => trained.has(weight)),
      shapes: [...known?.shapes ?? [], ...use.shapes],
      repeated: use.repeated || (known?.repeated ?? false),
      wrappers: [...known?.wrappers ?? [], ...use.wrappers],
    });
  };
  const take = (layer: TfLayer, shapes: readonly Shape[], repeated: boolean): void => {
    const inside = layer.layer;
    if (layer.layers !== undefined) visit(layer, shapes.length, repeated);
    else if (layer.getClassName() !== "TimeDistributed" || inside === undefined) {
      note({ layer, shapes, repeated, wrappers: [] });
    } else if (inside.getClassName() === "Dense") {
      note({ layer: inside, shapes, repeated, wrappers: [layer] });
    } else take(inside, shapes.map(([batch, _, ...sizes]) => [batch, ...sizes]), true);
  };
  const visit = (container: TfLayer, times: number, repeated: boolean): void => {
    const { layers, nodesByDepth } = graphOf(container);
    const nodes = Object.values(nodesByDepth!).flat();
    for (const layer of layers!) {
      const own = nodes.filter(({ outboundLayer }) => outboundLayer === layer)
        .map(({ inputShapes: [shape] }) => shape);
      take(layer, Array.from({ length: times }, () => own).flat(), repeated);
    }
  };
  visit(model, 1, false);
  return [...uses.values()].filter(({ weights }) => weights.length > 0);
}

/** What a model runs. */
function graphOf(container: TfLayer): TfLayer {
  if (container.inputs!.length === 0) {
    throw new StateError(
      `Cannot optimize model '${container.name}': it has no layers yet, add them first`,
    );
  }
  // A Sequential has no graph before this; `compile` would build it anyway.
  if (!container.built) container.build();
  return container.model ?? container;
}

/** A sentence for each model inside a model that is not as frozen as it says. */
export function unfrozen(model: TfLayer, uses: readonly LayerUse[]): string[] {
  const trained = new Set(uses.map(({ layer }) => layer));
  const inside = (container: TfLayer): TfLayer[] =>
    container.layers?.flatMap((layer) => [layer, ...inside(layer)]) ?? [];
  return inside(model)
    .filter((layer) => !layer.trainable && inside(layer).some((each) => trained.has(each)))
    .map(({ name }) =>
      `Model '${name}' is frozen (trainable = false), but the framework trains its layers, as it stands first ` +
      "in a Sequential: freeze them one by one"
    );
}
