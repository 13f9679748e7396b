/**
 * Depthwise convolutions.
 *
 * @module
 */

import type { ConvCapture } from "../../../core/capture.ts";
import { type ConvGeometry, locationsOf, patchLength } from "../../../core/geometry.ts";
import { type Matrix, rowsOf } from "../../../core/matrix.ts";
import type { Blend, DepthwiseVerbs } from "../../backend.ts";
import type { ExtensionHost } from "../../extension.ts";
import type { ConvolutionVerbs } from "../../groupwise.ts";
import { addressOf } from "../module/machine.ts";
import type { DepthwiseExports } from "./_kernels.gen.ts";

/** Numbers of the temporaries of examples that are taken together. */
const CHUNK = 1 << 21;

/** The verbs of this topic on one machine; convolutions that are not depthwise are left to those there are. */
export function createDepthwise(
  host: ExtensionHost,
  kernels: DepthwiseExports,
): DepthwiseVerbs & ConvolutionVerbs {
  const { conv2d, conv2dDataGradient, conv2dWeightGradient, gemm } = host.verbs;

  /** Sums over the examples of what `fill` leaves of each, [1, cols], run by run of them. */
  function sumOverExamples(
    examples: number,
    cols: number,
    { decay = 0, scale = 1 }: Blend,
    fill: (rows: Matrix, first: number) => void,
    add: (sums: Matrix, decay: number, scale: number) => void,
  ): void {
    const chunk = Math.max(1, Math.min(examples, Math.floor(CHUNK / cols)));
    for (let first = 0; first === 0 || first < examples; first += chunk) {
      host.scope(() => {
        const count = Math.min(chunk, examples - first);
        const rows = host.temporary(count, cols);
        fill(rows, first);
        const sums = host.temporary(1, cols), ones = host.temporary(1, count);
        host.fill(ones, 1);
        gemm(sums, ones, rows);
        add(sums, first === 0 ? decay : 1, scale);
      });
    }
  }

  /** `G_n` of some examples, [rows of v, dIn outputs]: a row of outputs per tap. */
  function exampleGradients(
    v: Matrix,
    first: number,
    images: Matrix,
    g: Matrix,
    geometry: ConvGeometry,
  ): void {
    const x = imagesFrom(images, geometry, first),
      from = rowsOf(g, first * locationsOf(geometry), g.rows);
    host.withWindow(geometry, (window) => {
      const bytes = kernels.depthwiseExampleGradientsWorkspace(window, v.rows, g.cols);
      host.withWorkspace(bytes, (workspace) => {
        // deno-fmt-ignore
        kernels.depthwiseExampleGradients(
          window, v.rows, g.cols, addressOf(v), v.stride, addressOf(x), x.stride,
          addressOf(from), from.stride, workspace,
        );
      });
    });
  }

  return {
    conv2d(out, images, weights, geometry) {
      if (!isDepthwise(geometry)) return conv2d(out, images, weights, geometry);
      const examples = examplesOf(images, geometry);
      host.withWindow(geometry, (window) => {
        const bytes = kernels.depthwiseWorkspace(window, examples, out.cols);
        host.withWorkspace(bytes, (workspace) => {
          // deno-fmt-ignore
          kernels.depthwise(
            window, examples, out.cols, addressOf(out), out.stride, addressOf(images),
            images.stride, addressOf(weights), weights.stride, workspace,
          );
        });
      });
    },

    conv2dDataGradient(out, g, weights, geometry) {
      if (!isDepthwise(geometry)) return conv2dDataGradient(out, g, weights, geometry);
      const examples = examplesOf(out, geometry);
      host.withWindow(geometry, (window) => {
        const bytes = kernels.depthwiseDataGradientWorkspace(window, examples, g.cols);
        host.withWorkspace(bytes, (workspace) => {
          // deno-fmt-ignore
          kernels.depthwiseDataGradient(
            window, examples, g.cols, addressOf(out), out.stride, addressOf(g), g.stride,
            addressOf(weights), weights.stride, workspace,
          );
        });
      });
    },

    conv2dWeightGradient(out, images, g, geometry, blend = {}) {
      if (!isDepthwise(geometry)) return conv2dWeightGradient(out, images, g, geometry, blend);
      const { rows, cols } = out;
      sumOverExamples(
        examplesOf(images, geometry),
        rows * cols,
        blend,
        (v, first) => exampleGradients(v, first, images, g, geometry),
        (sums, decay, scale) => {
          // deno-fmt-ignore
          kernels.spreadGradient(
            rows, cols, decay, scale, addressOf(out), out.stride, addressOf(sums),
          );
        },
      );
    },

    depthwiseSecondMoment(c, images, geometry, { weights, ...blend } = {}) {
      const { channels } = geometry;
      const d = patchLength(geometry);
      sumOverExamples(
        examplesOf(images, geometry),
        channels * d * (d + 1) / 2,
        blend,
        (v, first) => {
          const x = imagesFrom(images, geometry, first);
          const counts = weights && rowsOf(weights, first * locationsOf(geometry), weights.rows);
          host.withWindow(geometry, (window) => {
            const bytes = kernels.depthwiseMomentsWorkspace(window, v.rows, channels);
            host.withWorkspace(bytes, (workspace) => {
              // deno-fmt-ignore
              kernels.depthwiseMoments(
                window, v.rows, channels, addressOf(v), v.stride, addressOf(x), x.stride,
                addressOf(counts), counts?.stride ?? 0, workspace,
              );
            });
          });
        },
        (sums, decay, scale) => {
          // deno-fmt-ignore
          kernels.spreadMoments(
            channels, d, decay, scale, addressOf(c), c.stride, addressOf(sums),
          );
        },
      );
    },

    depthwiseSquaredProjection(theta, capture, basis, { decay = 0, scale = 1 } = {}) {
      const { examples, images, outputGradients: g, geometry }: ConvCapture = capture;
      const [channels, d] = [theta.rows, theta.cols];
      const chunk = Math.max(1, Math.min(examples, Math.floor(CHUNK / (channels * d))));
      for (let first = 0; first === 0 || first < examples; first += chunk) {
        const count = Math.min(chunk, examples - first);
        host.scope(() => {
          const v = host.temporary(count, channels * d);
          exampleGradients(v, first, images, g, geometry);
          host.withWorkspace(kernels.depthwiseSquaresWorkspace(d), (workspace) => {
            // deno-fmt-ignore
            kernels.depthwiseSquares(
              count, channels, d, first === 0 ? decay : 1, scale, addressOf(theta), theta.stride,
              addressOf(v), v.stride, addressOf(basis), basis?.stride ?? 0, workspace,
            );
          });
        });
      }
    },

    stackedGemm(c, a, b, parts, options = {}) {
      if (parts === 0) return;
      const { transposeA = false, transposeB = false, alpha = 1, beta = 0 } = options;
      // deno-fmt-ignore
      kernels.stackedGemm(
        parts, c.rows / parts, c.cols, transposeA ? a.rows / parts : a.cols, alpha, beta,
        addressOf(c), c.stride, addressOf(a), a.stride, +transposeA, addressOf(b), b.stride,
        +transposeB,
      );
    },
  };
}

/** Whether every channel is a group of its own. */
function isDepthwise({ groups = 1, channels }: ConvGeometry): boolean {
  return groups > 1 && groups === channels;
}

/** N of a batch of images. */
function examplesOf(images: Matrix, { height, width }: ConvGeometry): number {
  return images.rows / (height * width);
}

/** Images from some example on. */
function imagesFrom(images: Matrix, { height, width }: ConvGeometry, first: number): Matrix {
  return rowsOf(images, first * height * width, images.rows);
}
