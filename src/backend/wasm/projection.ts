/**
 * Second moments of per-example gradients in an eigenbasis.
 *
 * @module
 */

import type { Basis, Blend, Verbs } from "../backend.ts";
import type { ConvCapture, DenseCapture } from "../../core/capture.ts";
import { locationsOf, patchLength } from "../../core/geometry.ts";
import { type Matrix, rowsOf } from "../../core/matrix.ts";
import { addressOf, type Machine } from "./machine.ts";

/** See `asm/squared_projection.ts`. */
interface Exports {
  squaredProjectionWorkspace(n: number, dOut: number, dIn: number): number;
  // deno-fmt-ignore
  squaredProjection(
    n: number, dOut: number, dIn: number, decay: number, scale: number,
    theta: number, strideTheta: number, g: number, strideG: number, a: number, strideA: number,
    qOut: number, strideQOut: number, qIn: number, strideQIn: number, workspace: number,
  ): void;
  // deno-fmt-ignore
  addSquares(
    n: number, rows: number, cols: number, decay: number, scale: number,
    theta: number, strideTheta: number, gradients: number,
  ): void;
}

/** Numbers of one chunk of examples of a convolution, so that its temporaries stay in a cache. */
const CHUNK = 1 << 19;

/** The verb of this topic. */
export type Projection = Pick<Verbs, "squaredProjection">;

/** The verb of this topic on one machine; convolutions are composed of other verbs. */
export function createProjection(
  machine: Machine,
  { gemm, patches }: Pick<Verbs, "gemm" | "patches">,
): Projection {
  const kernels = machine.exports as unknown as Exports;

  function ofDense(theta: Matrix, capture: DenseCapture, basis?: Basis, blend: Blend = {}): void {
    const { inputs: a, outputGradients: g } = capture;
    const { decay = 0, scale = 1 } = blend;
    const bytes = kernels.squaredProjectionWorkspace(capture.examples, theta.rows, theta.cols);
    machine.withWorkspace(bytes, (workspace) => {
      // deno-fmt-ignore
      kernels.squaredProjection(
        capture.examples, theta.rows, theta.cols, decay, scale, addressOf(theta), theta.stride,
        addressOf(g), g.stride, addressOf(a), a.stride,
        basis ? addressOf(basis.output) : 0, basis?.output.stride ?? 0,
        basis ? addressOf(basis.input) : 0, basis?.input.stride ?? 0, workspace,
      );
    });
  }

  /**
   * Per example `Q_out^T (g^T P) Q_in`, P the patches [T, dIn']. Each rotation is done on the
   * smaller side: of the captures (T rows) or of the gradient, whichever has fewer rows.
   */
  function ofConvolution(theta: Matrix, capture: ConvCapture, basis?: Basis, blend: Blend = {}) {
    const { examples, geometry } = capture;
    const [dOut, dIn, locations] = [theta.rows, patchLength(geometry), locationsOf(geometry)];
    const perExample = locations * (2 * dIn + dOut) + 2 * dOut * dIn;
    const chunk = Math.max(1, Math.min(examples, Math.floor(CHUNK / perExample)));
    const { scale = 1 } = blend;
    let { decay = 0 } = blend;
    for (let first = 0; first === 0 || first < examples; first += chunk) {
      const last = Math.min(first + chunk, examples);
      machine.scope(() => {
        const gradients = gradientsOf(capture, first, last, basis);
        // deno-fmt-ignore
        kernels.addSquares(
          last - first, dOut, dIn, decay, scale, addressOf(theta), theta.stride,
          addressOf(gradients),
        );
      });
      decay = 1;
    }
  }

  /** `Q_out^T G_n Q_in` of the examples `first` to `last`, one below the other. */
  function gradientsOf(capture: ConvCapture, first: number, last: number, basis?: Basis): Matrix {
    const { geometry } = capture;
    const count = last - first;
    const locations = locationsOf(geometry);
    const pixels = geometry.height * geometry.width;
    let p = machine.temporary(count * locations, patchLength(geometry));
    patches(p, rowsOf(capture.images, first * pixels, last * pixels), geometry);
    let g = rowsOf(capture.outputGradients, first * locations, last * locations);
    const [dOut, dIn] = [g.cols, p.cols];

    if (basis && locations < dIn) g = product(g, basis.output);
    if (basis && locations < dOut) p = product(p, basis.input);
    let gradients = machine.temporary(count * dOut, dIn);
    for (let n = 0; n < count; n++) {
      const [from, to] = [n * locations, (n + 1) * locations];
      gemm(blockOf(gradients, n, dOut), rowsOf(g, from, to), rowsOf(p, from, to), {
        transposeA: true,
      });
    }
    if (basis && locations >= dOut) gradients = product(gradients, basis.input);
    if (basis && locations >= dIn) {
      const rotated = machine.temporary(count * dOut, dIn);
      for (let n = 0; n < count; n++) {
        gemm(blockOf(rotated, n, dOut), basis.output, blockOf(gradients, n, dOut), {
          transposeA: true,
        });
      }
      gradients = rotated;
    }
    return gradients;
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

/** The n-th of several matrices stored one below the other. */
function blockOf(stack: Matrix, n: number, rows: number): Matrix {
  return rowsOf(stack, n * rows, (n + 1) * rows);
}
