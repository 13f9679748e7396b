/**
 * Depthwise convolutions, their curvature, and products of many small matrices.
 *
 * @module
 */

import { type ConvGeometry, locationsOf, patchLength } from "../../../core/geometry.ts";
import { type Matrix, rowsOf } from "../../../core/matrix.ts";
import type { Blend, DepthwiseVerbs } from "../../backend.ts";
import type { ConvolutionVerbs } from "../../groupwise.ts";
import * as kernels from "../device/_kernels.gen.ts";
import { elementGrid, type Machine } from "../device/machine.ts";
import { fieldsOf } from "./convolution.ts";

/** Numbers of the temporaries of one run of examples. */
const CHUNK = 1 << 24;

/** The verbs of this topic on one machine; `others` has the convolutions that are not depthwise. */
export function createDepthwise(
  machine: Machine,
  others: ConvolutionVerbs,
): DepthwiseVerbs & ConvolutionVerbs {
  /** Calls `add` with what `fill` leaves of each example, a row of `cols` numbers, run by run of them. */
  function inRuns(
    images: Matrix,
    { height, width }: ConvGeometry,
    cols: number,
    { decay = 0 }: Blend,
    fill: (v: Matrix, first: number) => void,
    add: (v: Matrix, decay: number) => void,
  ): void {
    const examples = images.rows / (height * width);
    const chunk = Math.max(1, Math.min(examples, Math.floor(CHUNK / cols)));
    for (let first = 0; first === 0 || first < examples; first += chunk) {
      machine.scope(() => {
        const v = machine.temporary(Math.min(chunk, examples - first), cols);
        fill(v, first);
        add(v, first === 0 ? decay : 1);
      });
    }
  }

  /** `G_n` of some examples, [rows of v, dIn outputs]: a run of outputs per tap. */
  function exampleGradients(
    v: Matrix,
    first: number,
    allImages: Matrix,
    allG: Matrix,
    geometry: ConvGeometry,
  ): void {
    const images = rowsOf(allImages, first * geometry.height * geometry.width, allImages.rows);
    const g = rowsOf(allG, first * locationsOf(geometry), allG.rows);
    const { rows, cols } = v;
    const numbers = { rows, cols, outputs: g.cols, ...fieldsOf(geometry) };
    machine.run(kernels.depthwiseGradients, { v, images, g }, numbers, elementGrid(rows * cols));
  }

  /** `out = decay out + scale (sum of the examples' rows)`. */
  function spread(out: Matrix, v: Matrix, decay: number, scale: number, symmetric: number): void {
    const { rows, cols } = out;
    const numbers = { rows, cols, count: v.rows, symmetric, decay, scale };
    machine.run(kernels.depthwiseSpread, { out, v }, numbers, elementGrid(rows * cols));
  }

  return {
    conv2d(out, images, weights, geometry) {
      if (!isDepthwise(geometry)) return others.conv2d(out, images, weights, geometry);
      const { rows, cols } = out;
      const numbers = { rows, cols, bias: +geometry.bias, ...fieldsOf(geometry) };
      const operands = { out, images, weights };
      machine.run(kernels.depthwise, operands, numbers, elementGrid(rows * cols));
    },

    conv2dDataGradient(out, g, weights, geometry) {
      if (!isDepthwise(geometry)) return others.conv2dDataGradient(out, g, weights, geometry);
      const { rows, cols } = out;
      const numbers = { rows, cols, outputs: g.cols, ...fieldsOf(geometry) };
      const operands = { out, g, weights };
      machine.run(kernels.depthwiseDataGradient, operands, numbers, elementGrid(rows * cols));
    },

    conv2dWeightGradient(out, images, g, geometry, blend = {}) {
      if (!isDepthwise(geometry)) {
        return others.conv2dWeightGradient(out, images, g, geometry, blend);
      }
      inRuns(
        images,
        geometry,
        out.rows * out.cols,
        blend,
        (v, first) => exampleGradients(v, first, images, g, geometry),
        (v, decay) => spread(out, v, decay, blend.scale ?? 1, 0),
      );
    },

    depthwiseSecondMoment(c, allImages, geometry, { weights: all, ...blend } = {}) {
      const d = patchLength(geometry);
      inRuns(
        allImages,
        geometry,
        d * d * geometry.channels,
        blend,
        (v, first) => {
          const images = rowsOf(
            allImages,
            first * geometry.height * geometry.width,
            allImages.rows,
          );
          const weights = all && rowsOf(all, first * locationsOf(geometry), all.rows);
          const { rows, cols } = v;
          const weighted = all === undefined ? 0 : 1;
          const numbers = { rows, cols, d, weighted, ...fieldsOf(geometry) };
          const operands = { v, images, weights };
          machine.run(kernels.depthwiseMoments, operands, numbers, elementGrid(rows * cols));
        },
        (v, decay) => spread(c, v, decay, blend.scale ?? 1, 1),
      );
    },

    depthwiseSquaredProjection(theta, { images, outputGradients, geometry }, basis, blend = {}) {
      const { rows, cols } = theta;
      inRuns(
        images,
        geometry,
        rows * cols,
        blend,
        (v, first) => exampleGradients(v, first, images, outputGradients, geometry),
        (v, decay) => {
          const rotated = basis === undefined ? 0 : 1;
          const numbers = { rows, cols, count: v.rows, rotated, decay, scale: blend.scale ?? 1 };
          const operands = { theta, v, basis };
          machine.run(kernels.depthwiseSquares, operands, numbers, elementGrid(rows * cols));
        },
      );
    },

    stackedGemm(c, a, b, parts, options = {}) {
      if (parts === 0) return;
      const { transposeA = false, transposeB = false, alpha = 1, beta = 0 } = options;
      const { rows, cols } = c;
      const numbers = {
        rows,
        cols,
        m: rows / parts,
        depth: transposeA ? a.rows / parts : a.cols,
        alpha,
        beta,
        aPart: a.rows / parts * a.stride,
        aRow: transposeA ? 1 : a.stride,
        aCol: transposeA ? a.stride : 1,
        bPart: b.rows / parts * b.stride,
        bRow: transposeB ? 1 : b.stride,
        bCol: transposeB ? b.stride : 1,
      };
      machine.run(kernels.stackedGemm, { c, a, b }, numbers, elementGrid(rows * cols));
    },
  };
}

/** Whether every channel is a group of its own. */
function isDepthwise({ groups = 1, channels }: ConvGeometry): boolean {
  return groups > 1 && groups === channels;
}
