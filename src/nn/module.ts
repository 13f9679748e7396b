/**
 * What a layer is. Layers are described by plain values ({@linkcode LayerSpec}: `dense(10)`, `relu()`)
 * and built by `sequential`, which knows the backend, the shape of what comes in, and the seed.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture, LocationMask, Places } from "../core/capture.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import type { Random } from "../core/random.ts";
import type { LayerBlock } from "../curvature/blocks/block.ts";
import type { SharedWeights } from "./shared_weights.ts";

/**
 * Shape of one example between two layers: `[features]`, `[positions, channels]` for a sequence, or
 * `[height, width, channels]` for an image. A batch of N examples is a matrix [N, features],
 * [N * positions, channels] or [N * height * width, channels]. A sequence of tokens has the shape `[positions]`:
 * `embedding()` makes channels of them.
 */
export type ExampleShape =
  | readonly [features: number]
  | readonly [positions: number, channels: number]
  | readonly [height: number, width: number, channels: number];

/** What a layer description gets to build its layer from. */
export interface BuildContext {
  /** Where the layer's matrices live. */
  readonly backend: Backend;
  /** Shape of one incoming example. */
  readonly input: ExampleShape;
  /** Name of the layer, unique in the model: `"conv1"`, `"dense2"`. */
  readonly name: string;
  /** For initial weights. */
  readonly random: Random;
  /** What the descriptions of the model have made so far. @default {nothing is shared} */
  readonly shared?: SharedWeights;
  /** Builds a layer inside the layer, named and seeded like any other of the model. The caller owns it. */
  build(spec: LayerSpec, input: ExampleShape): Layer;
}

/**
 * A layer that is not built yet. Immutable; may be used in several models. In two places of one model it is one
 * layer: they share its weights, whose gradient and curvature are those of the sum over the places.
 */
export interface LayerSpec {
  /** Kind of layer; the first half of its name: `"dense"`, `"conv"`, `"relu"`. */
  readonly kind: string;
  /**
   * What it was made with, as far as outputs depend on it: plain values, and lists of layers. With the kind, it is
   * enough to make the layer again. Left out by layers that cannot say; models with such a one cannot be kept.
   */
  readonly options?: Readonly<Record<string, unknown>>;
  /**
   * Allocates the layer. The caller owns it.
   *
   * @throws {ShapeError} When the incoming shape does not fit this kind of layer.
   */
  build(context: BuildContext): Layer;
}

/** Which positions of a batch's sequences are real, and which only fill them up. */
export interface PositionMask extends LocationMask {
  /** 1 for a real position, 0 for padding, N T numbers. */
  readonly real: Float32Array;
}

/** What a forward pass is for, and which positions of its sequences are real, where not all are. */
export type ForwardPass = PassKind & { readonly mask?: PositionMask | undefined };

/** What a training pass draws. */
export interface PassDraws {
  /** Number of its draws: passes of the same number repeat each other. */
  readonly draw: number;
  /** Where its examples are among those of all ranks of a group. @default {they are all there are} */
  readonly places?: Places | undefined;
}

/** What a forward pass is for. */
export type PassKind =
  /**
   * Training: batch normalisation takes the moments of the batch, dropout draws. Passes with the same draws repeat
   * each other. A forward pass alone leaves no trace.
   */
  | ({ readonly kind: "training" } & PassDraws)
  /** Prediction: batch normalisation takes its running moments, dropout does nothing. */
  | { readonly kind: "inference" };

/** What a backward pass is for. */
export type BackwardPass =
  /**
   * Parameter gradients are wanted: `gradient = decay * gradient + scale * sum of per-example
   * gradients`; `scale` is one over the number of examples of the whole (accumulated) batch. Running
   * statistics take in those of the batch. `begun` holds the parameters whose gradient the pass has begun, so that
   * places which share weights add up. `done` is told by the model, layer by layer, whose gradients have become what
   * the pass leaves.
   */
  | {
    readonly kind: "gradient";
    readonly scale: number;
    readonly decay: number;
    readonly begun?: Set<Parameter>;
    readonly done?: ((parameters: readonly Parameter[]) => void) | undefined;
  }
  /** Only captures are wanted, for the curvature: gradients and statistics stay. */
  | { readonly kind: "capture" };

/** Weights of one layer or several; they can be frozen and trained again, which models do between steps. */
export interface LayerParameter extends Parameter {
  /** See {@linkcode Parameter.trainable}. */
  trainable?: boolean;
  /**
   * Makes one capture of those that several layers have left, where they are of different kinds.
   *
   * @default {places of one layer, side by side}
   */
  joinCaptures?: (backend: Backend, captures: readonly Capture[]) => Capture;
}

/**
 * A built layer. `forward` and `backward` take their temporaries and results from the backend's
 * scratch arena: they live until the scope ends in which they were called.
 */
export interface Layer extends Disposable {
  /** Unique within the model, but for layers that share their weights. */
  readonly name: string;
  /** Shape of one outgoing example. */
  readonly output: ExampleShape;
  /** The weights, if the layer has any; the same object for layers that share them. */
  readonly parameter: LayerParameter | undefined;
  /**
   * What the curvature needs of the last backward pass, if the layer has a parameter. Valid until the scope
   * of that pass ends; gradients are of each example's own loss.
   */
  readonly capture: Capture | undefined;

  /**
   * Makes the curvature of the layer's parameter, where none that dense layers and convolutions have will do.
   *
   * @default {that of the optimizer for dense layers and convolutions, a diagonal for others}
   */
  readonly block?: LayerBlock;

  /** The layers inside, in the order of computation, of a layer that is made of some. */
  readonly layers?: readonly Layer[];
  /** What the layer remembers besides its parameter, by name: running statistics. Part of a checkpoint. */
  readonly state?: Readonly<Record<string, Matrix>>;

  /**
   * Checks the values of a model's inputs (finite numbers), where the layer is its first one.
   *
   * @throws {DataError} When one of them is impossible; names the example and the value.
   */
  checkInputs?(inputs: ArrayLike<number>): void;

  /**
   * Which positions of a model's inputs are real, where the layer is its first one: 1, or 0 for padding, N T numbers.
   * Layers before the loss see it in their passes.
   *
   * @default {all are}
   */
  maskOf?(inputs: ArrayLike<number>): Float32Array | undefined;

  /**
   * The layer's outputs for a batch.
   *
   * @param x Inputs of `examples` examples; kept by reference until the backward pass.
   * @param examples N.
   * @param pass What the pass is for.
   */
  forward(x: Matrix, examples: number, pass: ForwardPass): Matrix;

  /**
   * The gradient of the inputs, after the parameter's gradient and the capture have been left.
   *
   * @param g Gradient of the sum of the examples' losses with respect to the outputs of the last forward:
   * row by row that of each example's own loss, as long as no layer behind mixes examples. In a pass for
   * captures it may be that of the first examples alone.
   * @param pass What the pass is for.
   * @param needInput Whether the returned gradient will be used; the first layer of a model need not
   * compute it.
   * @returns Gradient with respect to the inputs, or `undefined` when it was not needed.
   */
  backward(g: Matrix, pass: BackwardPass, needInput: boolean): Matrix | undefined;
}
