/**
 * Gradients of single examples in the eigenbasis of a layer's curvature.
 *
 * @module
 */

import type { Backend, Basis } from "../backend/backend.ts";
import type { Capture, KroneckerCapture } from "../core/capture.ts";
import { type Matrix, reshaped, rowsOf } from "../core/matrix.ts";
import type { Eigendecomposition } from "../curvature/blocks/block.ts";
import { examplesOf, writeGradient } from "./example_gradient.ts";

/**
 * `out_n = (Q_out^T G_n Q_in) / (Theta + lambda)^p`, a row of dOut dIn' numbers for each example. Inside a scope.
 *
 * Gradients that are products of fewer rows than they have themselves, as those of dense layers are, are formed of
 * rotated rows, the others rotated together.
 */
export function writeRotated(
  backend: Backend,
  out: Matrix,
  { basis, eigenvalues }: Eigendecomposition,
  capture: Capture,
  { damping, exponent }: { readonly damping: number; readonly exponent: number },
): void {
  const { examples } = capture;
  const { rows, cols } = eigenvalues;
  const tall = reshaped(out, examples * rows, cols);
  const own = (m: Matrix, n: number): Matrix => rowsOf(m, n * rows, (n + 1) * rows);
  backend.scope(() => {
    if (basis === undefined) writeGradients(backend, tall, capture);
    else if (isThin(capture, rows)) writeGradients(backend, tall, turned(backend, capture, basis));
    else {
      const [gradients, half] = [0, 0].map(() => backend.scratch(examples * rows, cols));
      writeGradients(backend, gradients, capture);
      backend.gemm(half, gradients, basis.input);
      for (let n = 0; n < examples; n++) {
        backend.gemm(own(tall, n), basis.output, own(half, n), { transposeA: true });
      }
    }
    for (let n = 0; n < examples; n++) {
      const one = own(tall, n);
      backend.dampedDivide(one, one, { eigenvalues, damping, exponent });
    }
  });
}

/** `out_n = G_n`, one below the other, [N dOut, dIn']. */
function writeGradients(backend: Backend, out: Matrix, capture: Capture | TurnedPatches): void {
  const { examples } = capture;
  if (capture.kind === "elements") {
    return backend.axpby(reshaped(out, examples, capture.gradients.cols), 1, capture.gradients, 0);
  }
  const each = out.rows / examples;
  for (let n = 0; n < examples; n++) {
    const one = rowsOf(out, n * each, (n + 1) * each);
    if (capture.kind !== "patches") {
      writeGradient(backend, one, examplesOf(capture, n, n + 1));
      continue;
    }
    const { outputGradients, patches } = capture;
    const locations = patches.rows / examples;
    const [g, x] = [outputGradients, patches].map((m) => {
      return rowsOf(m, n * locations, (n + 1) * locations);
    });
    backend.gemm(one, g, x, { transposeA: true });
  }
}

/** Whether it is less work to turn the rows that gradients of `rows` rows are products of. */
function isThin(capture: Capture, rows: number): capture is KroneckerCapture {
  return capture.kind === "dense" ||
    (capture.kind === "conv2d" && capture.outputGradients.rows < capture.examples * rows);
}

/** What a dense layer or a convolution leaves, with the patches of its images as rows, [N T, dIn']. */
interface TurnedPatches {
  readonly kind: "patches";
  readonly examples: number;
  readonly patches: Matrix;
  readonly outputGradients: Matrix;
}

/** The inputs, or patches, times Q_in, and `g Q_out`. */
function turned(
  backend: Backend,
  capture: KroneckerCapture,
  { output, input }: Basis,
): TurnedPatches {
  const { outputGradients: g, examples } = capture;
  const outputGradients = backend.scratch(g.rows, g.cols);
  backend.gemm(outputGradients, g, output);
  const patches = backend.scratch(g.rows, input.cols);
  backend.scope(() => {
    let plain: Matrix;
    if (capture.kind === "dense") plain = capture.inputs;
    else {
      plain = backend.scratch(patches.rows, patches.cols);
      backend.patches(plain, capture.images, capture.geometry);
    }
    backend.gemm(patches, plain, input);
  });
  return { kind: "patches", examples, patches, outputGradients };
}
