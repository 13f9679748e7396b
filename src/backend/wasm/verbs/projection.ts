/**
 * Second moments of per-example gradients in an eigenbasis.
 *
 * @module
 */

import type { Basis, Blend, Verbs } from "../../backend.ts";
import type { ConvCapture, DenseCapture } from "../../../core/capture.ts";
import { locationsOf, patchLength } from "../../../core/geometry.ts";
import { type Matrix, rowsOf } from "../../../core/matrix.ts";
import { withWindow } from "./convolution.ts";
import { addressOf, type Machine } from "../module/machine.ts";

/** Numbers in the gradients of examples that are rotated together. */
const CHUNK = 1 << 19;

/** The verb of this topic. */
export type Projection = Pick<Verbs, "squaredProjection">;

/** The verb of this topic on one machine; convolutions are composed of other verbs. */
export function createProjection(
  machine: Machine,
  { gemm, patches }: Pick<Verbs, "gemm" | "patches">,
): Projection {
  const kernels = machine.exports;

  function ofDense(theta: Matrix, capture: DenseCapture, basis?: Basis, blend: Blend = {}): void {
    const { inputs: a, outputGradients: g } = capture;
    const { decay = 0, scale = 1 } = blend;
    const bytes = kernels.squaredProjectionWorkspace(capture.examples, theta.rows, theta.cols);
    machine.withWorkspace(bytes, (workspace) => {
      // deno-fmt-ignore
      kernels.squaredProjection(
        capture.examples, theta.rows, theta.cols, decay, scale, addressOf(theta), theta.stride,
        addressOf(g), g.stride, addressOf(a), a.stride,
        addressOf(basis?.output), basis?.output.stride ?? 0,
        addressOf(basis?.input), basis?.input.stride ?? 0, workspace,
      );
    });
  }

  /**
   * Per example `Q_in^T (P^T g) Q_out`, P the patches [T, dIn'], transposed and side by side. Each
   * rotation is done on the smaller side: of the captures (T rows) or of the gradient.
   */
  function ofConvolution(theta: Matrix, capture: ConvCapture, basis?: Basis, blend: Blend = {}) {
    const { examples, geometry } = capture;
    const [dOut, dIn, locations] = [theta.rows, theta.cols, locationsOf(geometry)];
    const wide = roundUp8(dOut);
    const chunk = Math.max(1, Math.min(examples, Math.floor(CHUNK / (dIn * wide))));
    const { scale = 1 } = blend;
    let { decay = 0 } = blend;
    for (let first = 0; first === 0 || first < examples; first += chunk) {
      const last = Math.min(first + chunk, examples);
      const pixels = geometry.height * geometry.width;
      machine.scope(() => {
        const gradients = gradientsOf({
          ...capture,
          examples: last - first,
          images: rowsOf(capture.images, first * pixels, last * pixels),
          outputGradients: rowsOf(capture.outputGradients, first * locations, last * locations),
        }, basis);
        // deno-fmt-ignore
        kernels.addSquares(
          last - first, dOut, dIn, wide, decay, scale, addressOf(theta), theta.stride,
          addressOf(gradients),
        );
      });
      decay = 1;
    }
  }

  /** `Q_in^T G_n^T Q_out` of all examples n, [dIn', N wide]. */
  function gradientsOf(capture: ConvCapture, basis?: Basis): Matrix {
    const { examples, geometry } = capture;
    const locations = locationsOf(geometry);
    const [dOut, dIn] = [capture.outputGradients.cols, patchLength(geometry)];
    const gradients = machine.temporary(dIn, examples * roundUp8(dOut));
    const rotatesCaptures = { output: locations < dIn, input: locations < dOut };
    const g = basis && rotatesCaptures.output
      ? product(capture.outputGradients, basis.output)
      : capture.outputGradients;
    if (basis && rotatesCaptures.input) {
      fromRotatedPatches(gradients, { ...capture, outputGradients: g }, basis.input);
    } else {
      fromImages(gradients, { ...capture, outputGradients: g });
    }
    let rotated = gradients;
    if (basis && !rotatesCaptures.input) {
      rotated = machine.temporary(dIn, gradients.cols);
      gemm(rotated, basis.input, gradients, { transposeA: true });
    }
    if (basis && !rotatesCaptures.output) {
      const [from, to] = [rotated, machine.temporary(dIn, gradients.cols)];
      gemm(byOutputs(to, dOut), byOutputs(from, dOut), basis.output);
      rotated = to;
    }
    return rotated;
  }

  /** Gradients from the images, without forming patches. */
  function fromImages(gradients: Matrix, { examples, geometry, images, ...capture }: ConvCapture) {
    const g = capture.outputGradients;
    withWindow(machine, geometry, (window) => {
      const bytes = kernels.conv2dExampleGradientsWorkspace(window, examples, g.cols);
      machine.withWorkspace(bytes, (workspace) => {
        // deno-fmt-ignore
        kernels.conv2dExampleGradients(
          window, examples, g.cols, addressOf(gradients), gradients.stride,
          addressOf(images), images.stride, addressOf(g), g.stride, workspace,
        );
      });
    });
  }

  /** Gradients from rotated patches: where an image has few locations, these are cheaper to rotate. */
  function fromRotatedPatches(gradients: Matrix, capture: ConvCapture, qIn: Matrix): void {
    const { examples, geometry, images, outputGradients: g } = capture;
    const locations = locationsOf(geometry);
    const p = machine.temporary(examples * locations, qIn.rows);
    patches(p, images, geometry);
    const rotated = product(p, qIn);
    for (let n = 0; n < examples; n++) {
      const [from, to] = [n * locations, (n + 1) * locations];
      const out = { ...gradients, offset: gradients.offset + n * roundUp8(g.cols), cols: g.cols };
      gemm(out, rowsOf(rotated, from, to), rowsOf(g, from, to), { transposeA: true });
    }
  }

  function product(x: Matrix, q: Matrix): Matrix {
    const out = machine.temporary(x.rows, q.cols);
    gemm(out, x, q);
    return out;
  }

  return {
    squaredProjection(theta, capture, basis, blend) {
      if (capture.kind === "dense") ofDense(theta, capture, basis, blend);
      else ofConvolution(theta, capture, basis, blend);
    },
  };
}

/** Gradients of examples side by side as rows of one output's numbers each. */
function byOutputs(gradients: Matrix, dOut: number): Matrix {
  const wide = roundUp8(dOut);
  return { ...gradients, rows: gradients.rows * gradients.cols / wide, cols: dOut, stride: wide };
}

/** Distance of examples' gradients: whole tiles. */
function roundUp8(n: number): number {
  return Math.ceil(n / 8) * 8;
}
