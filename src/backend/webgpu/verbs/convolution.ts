/**
 * Convolutions, patches and pooling.
 *
 * @module
 */

import {
  type ConvGeometry,
  locationsOf,
  outHeight,
  outWidth,
  patchLength,
  type SlidingWindow,
} from "../../../core/geometry.ts";
import type { Matrix } from "../../../core/matrix.ts";
import type { Verbs } from "../../backend.ts";
import { type ConvolutionVerbs, groupwise } from "../../groupwise.ts";
import * as kernels from "../device/_kernels.gen.ts";
import { rowSquaredNorms } from "./algebra.ts";
import { elementGrid, type Machine } from "../device/machine.ts";
import { accumulate, product } from "./products.ts";

/** The verbs of this topic. */
export type Convolution = Pick<
  Verbs,
  | "conv2d"
  | "conv2dDataGradient"
  | "conv2dWeightGradient"
  | "patches"
  | "patchSecondMoment"
  | "patchSquaredNorms"
  | "pool"
  | "poolGradient"
>;

/** A window as `kernels/shared/window_fields.wgsl` wants it. */
export interface WindowFields {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly kernelY: number;
  readonly kernelX: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly paddingY: number;
  readonly paddingX: number;
  readonly dilationY: number;
  readonly dilationX: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

/** The fields of a window. */
export function fieldsOf(window: SlidingWindow): WindowFields {
  const { channels, height, width, kernel, stride, padding, dilation } = window;
  return {
    channels,
    height,
    width,
    kernelY: kernel[0],
    kernelX: kernel[1],
    strideY: stride[0],
    strideX: stride[1],
    paddingY: padding[0],
    paddingX: padding[1],
    dilationY: dilation[0],
    dilationX: dilation[1],
    outHeight: outHeight(window),
    outWidth: outWidth(window),
  };
}

/** `out = P W` of the patches P, W [dIn', columns of out], or its transpose. */
export function timesPatches(
  machine: Machine,
  out: Matrix,
  images: Matrix,
  weights: Matrix,
  geometry: ConvGeometry,
  transposeWeights: boolean,
): void {
  const strides = transposeWeights
    ? { weightsRow: 1, weightsCol: weights.stride }
    : { weightsRow: weights.stride, weightsCol: 1 };
  product(
    machine,
    kernels.conv2d,
    { out, images, weights },
    { ...strides, ...fieldsOf(geometry) },
    { m: out.rows, n: out.cols, depth: patchLength(geometry) },
    { rightAlongK: transposeWeights },
  );
}

/** The verbs of this topic on one machine. */
export function createConvolution(machine: Machine): Convolution {
  const oneGroup: ConvolutionVerbs = {
    conv2d(out, images, weights, geometry) {
      timesPatches(machine, out, images, weights, geometry, true);
    },

    conv2dDataGradient(out, g, weights, geometry) {
      const outputs = g.cols;
      const depth = geometry.kernel[0] * geometry.kernel[1] * outputs;
      product(
        machine,
        kernels.conv2dDataGradient,
        { out, g, weights },
        { outputs, ...fieldsOf(geometry) },
        { m: out.rows, n: out.cols, depth },
      );
    },

    conv2dWeightGradient(c, images, g, geometry, blend = {}) {
      accumulate(
        machine,
        kernels.conv2dWeightGradient,
        c,
        { images, g },
        fieldsOf(geometry),
        blend,
        { m: c.rows, n: c.cols, depth: g.rows },
        { leftAlongK: false },
      );
    },
  };

  return {
    ...groupwise(oneGroup),

    patches(out, images, geometry) {
      const { rows, cols } = out;
      const numbers = { rows, cols, ...fieldsOf(geometry) };
      machine.run(kernels.patches, { out, images }, numbers, elementGrid(rows * cols));
    },

    patchSecondMoment(c, images, geometry, { weights, ...blend } = {}) {
      const examples = images.rows / (geometry.height * geometry.width);
      accumulate(
        machine,
        kernels.patchSecondMoment,
        c,
        { images, weights },
        { weighted: weights === undefined ? 0 : 1, ...fieldsOf(geometry) },
        blend,
        { m: c.rows, n: c.cols, depth: examples * locationsOf(geometry) },
        { leftAlongK: false, upperOnly: true, flush: true },
      );
    },

    patchSquaredNorms(out, images, geometry) {
      const bias = geometry.bias ? 1 : 0;
      const numbers = { rows: 1, cols: out.cols, bias, ...fieldsOf(geometry) };
      machine.scope(() => {
        const norms = machine.temporary(1, images.rows);
        rowSquaredNorms(machine, norms, images);
        machine.run(kernels.patchSquaredNorms, { out, norms }, numbers, elementGrid(out.cols));
      });
    },

    pool(kind, out, images, window) {
      const { rows, cols } = out;
      const numbers = { rows, cols, average: kind === "average" ? 1 : 0, ...fieldsOf(window) };
      machine.run(kernels.pool, { out, images }, numbers, elementGrid(rows * cols));
    },

    poolGradient(kind, out, images, pooled, g, window) {
      const { rows, cols } = out;
      const numbers = { rows, cols, average: kind === "average" ? 1 : 0, ...fieldsOf(window) };
      machine.run(
        kernels.poolGradient,
        { out, images, pooled, g },
        numbers,
        elementGrid(rows * cols),
      );
    },
  };
}
