/**
 * What a layer leaves behind after a backward pass, and all that curvature needs to know of it.
 * `nn` and `curvature` meet only here; a model of another framework that can hand over a layer's
 * inputs and output gradients is as good a citizen as our own.
 *
 * @module
 */

import { columnsOf, type Matrix, rowsOf } from "./matrix.ts";
import type { ConvGeometry } from "./geometry.ts";

/** What one layer leaves of one batch. N examples, T locations each. */
export type Capture = FactorCapture | ElementsCapture;

/** A capture from which factors are observed. */
export type FactorCapture = KroneckerCapture | EmbeddingCapture;

/** A capture of a layer that may have Kronecker factors. */
export type KroneckerCapture = DenseCapture | ConvCapture;

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
}

/** Which locations count, where not all do: sequences of unequal length are filled up. */
export interface LocationMask {
  /** 1 for a location that counts, 0 for padding, where output gradients are zeros, [1, N T]. */
  readonly weights: Matrix;
  /** How many count, of each of N examples. */
  readonly counts: ArrayLike<number>;
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
  /**
   * `g_nt`, gradient of each example's **own** loss with respect to the outputs, [N * T, dOut]. Of a convolution
   * with groups `groupCapture` gives what each group leaves.
   */
  readonly outputGradients: Matrix;
  /** Which locations count. @default {all do} */
  readonly mask?: LocationMask | undefined;
}

/** Capture of a table whose rows are looked up by T tokens of each example, [V, dOut]: an embedding. */
export interface EmbeddingCapture {
  /** Tells the kinds apart. */
  readonly kind: "embedding";
  /** N, the number of examples. */
  readonly examples: number;
  /** Numbers of rows, integers, [1, N T]; in the place of inputs, which would be unit vectors. */
  readonly tokens: Matrix;
  /** `g_nt`, gradient of each example's **own** loss with respect to what was looked up, [N T, dOut]. */
  readonly outputGradients: Matrix;
  /** Which positions count; tokens of others are outside of the table. @default {all do} */
  readonly mask?: LocationMask | undefined;
}

/** Capture of a parameter so small that the gradients of all examples can be kept. */
export interface ElementsCapture {
  /** Tells the kinds apart. */
  readonly kind: "elements";
  /** N, the number of examples. */
  readonly examples: number;
  /** Gradient of each example's **own** loss with respect to the parameter, row by row, [N, dOut dIn']. */
  readonly gradients: Matrix;
}

/**
 * A view of a capture's first examples.
 *
 * @param examples From 1 to all of them.
 *
 * @example Two of three examples
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { leadingExamples } from "@tekfac/tekfac/core";
 *
 * using backend = await createBackend();
 * using gradients = backend.alloc(3, 2);
 * const two = leadingExamples({ kind: "elements", examples: 3, gradients }, 2);
 * assert(two.kind === "elements" && two.gradients.rows === 2);
 * ```
 */
export function leadingExamples(capture: Capture, examples: number): Capture {
  if (examples >= capture.examples) return capture;
  const first = (m: Matrix): Matrix => rowsOf(m, 0, m.rows / capture.examples * examples);
  if (capture.kind === "elements") {
    return { ...capture, examples, gradients: first(capture.gradients) };
  }
  const outputGradients = first(capture.outputGradients);
  if (capture.kind === "dense") {
    return { ...capture, examples, inputs: first(capture.inputs), outputGradients };
  }
  const mask = capture.mask && {
    weights: columnsOf(capture.mask.weights, 0, outputGradients.rows),
    counts: Array.from(capture.mask.counts).slice(0, examples),
  };
  return capture.kind === "embedding"
    ? {
      ...capture,
      examples,
      tokens: columnsOf(capture.tokens, 0, outputGradients.rows),
      outputGradients,
      mask,
    }
    : { ...capture, examples, images: first(capture.images), outputGradients, mask };
}

/**
 * T, or its mean over the examples where not all locations count.
 *
 * @example Two of three positions, and all three
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { meanLocations } from "@tekfac/tekfac/core";
 *
 * using backend = await createBackend();
 * using weights = backend.alloc(1, 6);
 * assert.equal(meanLocations(3, { weights, counts: [2, 3] }), 2.5);
 * assert.equal(meanLocations(3, undefined), 3);
 * ```
 */
export function meanLocations(locations: number, mask: LocationMask | undefined): number {
  if (mask === undefined) return locations;
  const counts = Array.from(mask.counts);
  return counts.reduce((sum, count) => sum + count, 0) / counts.length;
}

/** What is propagated back to observe the curvature. */
export interface CurvatureSample {
  /**
   * - `signs`: `B_n e_n` with random signs e and `B_n B_n^T` the Hessian of the loss in the outputs: the
   *   Gauss-Newton matrix;
   * - `targets`: gradients for targets drawn from the model's prediction: the Fisher information.
   */
  readonly from: "signs" | "targets";
  /** The first examples of the batch, from 1 to all. */
  readonly examples: number;
  /**
   * Where they are among those that all ranks of a group observe: what is drawn for an example is the same wherever it
   * is observed. @default {they are all there are}
   */
  readonly places?: Places;
}

/** Places of some examples among more: `at[i]` is that of the i-th of them. Ascending. */
export interface Places {
  /** How many examples there are in all. */
  readonly of: number;
  /** Where these are. */
  readonly at: Uint32Array;
}
