/**
 * What a layer leaves behind after a backward pass, and all that curvature needs to know of it.
 * `nn` and `curvature` meet only here; a model of another framework that can hand over a layer's
 * inputs and output gradients is as good a citizen as our own.
 *
 * @module
 */

import type { Matrix } from "./matrix.ts";
import type { ConvGeometry } from "./geometry.ts";

/** Inputs and output gradients of one layer for one batch. N examples, T locations each. */
export type Capture = DenseCapture | ConvCapture;

/** Capture of a dense layer; T = 1. */
export interface DenseCapture {
  /** Tells the two kinds apart. */
  readonly kind: "dense";
  /** N, the number of examples. */
  readonly examples: number;
  /** Homogeneous inputs `abar_n` (the 1 last, where the layer has a bias), [N, dIn']. */
  readonly inputs: Matrix;
  /** `g_n`, gradient of each example's **own** loss with respect to the outputs, [N, dOut]. */
  readonly outputGradients: Matrix;
  /** Both in the frame that the layer's parameter had during the pass, `abar Q_in` and `g Q_out`, if any. */
  readonly framed?: { readonly inputs: Matrix; readonly outputGradients: Matrix };
}

/** Capture of a convolution; T = output height * width. */
export interface ConvCapture {
  /** Tells the two kinds apart. */
  readonly kind: "conv2d";
  /** N, the number of examples. */
  readonly examples: number;
  /** How patches are cut from the images. */
  readonly geometry: ConvGeometry;
  /** Channels-last images, [N * height * width, channels]. */
  readonly images: Matrix;
  /** `g_nt`, gradient of each example's **own** loss with respect to the outputs, [N * T, dOut]. */
  readonly outputGradients: Matrix;
}
