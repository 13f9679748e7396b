/**
 * Gradients of single examples in coordinates in which a layer's damped inverse is the identity.
 *
 * @module
 */

import type { Backend, Basis } from "../backend/backend.ts";
import type { Capture, ConvCapture, DenseCapture } from "../core/capture.ts";
import { columnsOf, type Matrix, reshaped, rowsOf } from "../core/matrix.ts";
import type { Block, Eigendecomposition } from "../curvature/blocks/block.ts";
import { examplesOf, writeGradient } from "./example_gradient.ts";

/** What turns captures of a layer, all of the same inputs, into rows. */
export interface Whitening {
  /** Numbers of each row. */
  readonly width: number;
  /**
   * Writes one row per example, [N, width], with the products
   *
   * ```text
   * u_n . v_n = <G_n, (F + lambda)^-1 H_n>
   * ```
   *
   * for the rows u and v of any two captures, whose examples have the gradients G and H. Inside a scope.
   */
  write(out: Matrix, capture: Capture): void;
}

/**
 * The whitening of a layer. A dense layer with an eigenbasis has rows of dOut numbers, however wide its inputs,
 *
 * ```text
 * u_ni = (Q_out^T g_n)_i sqrt(sum_j (Q_in^T abar_n)_j^2 / (Theta_ij + lambda))
 * ```
 *
 * by a few products for all examples, those of the inputs once. Elsewhere rows are whole gradients: those of a layer
 * with several locations are rotated together and, like the divisions, formed by one call of a kernel per example;
 * blocks without an eigenbasis (low ranks, groups, scales and shifts) take their root example by example. Inside a scope,
 * which has to last as long as the result.
 *
 * @param capture Whose inputs all captures share.
 */
export function whiteningOf(
  backend: Backend,
  block: Block,
  capture: Capture,
  damping: number,
): Whitening {
  const { eigenbasis, parameter: { value } } = block;
  if (eigenbasis !== undefined && capture.kind === "dense") {
    return ofDense(backend, eigenbasis, capture, damping);
  }
  return {
    width: value.rows * value.cols,
    write: eigenbasis === undefined
      ? (out, given) => byRoots(backend, out, block, given, damping)
      : (out, given) => rotated(backend, out, eigenbasis, given, damping),
  };
}

/** Numbers of a row of {@linkcode whiteningOf}, of a layer with one location. */
export function widthOf({ eigenbasis, parameter: { layer, value } }: Block): number {
  return layer.kind === "dense" && eigenbasis !== undefined ? value.rows : value.rows * value.cols;
}

/** Numbers that rows may take as scratch before examples are taken in groups. */
const SCRATCH = 2 ** 22;

/** `out_n = <G_n, (F + lambda)^-1 G_n>`, out [1, N], scratch. Inside a scope. */
export function quadraticForms(
  backend: Backend,
  block: Block,
  capture: Capture,
  damping: number,
): Matrix {
  const { examples } = capture;
  const out = backend.scratch(1, examples);
  backend.scope(() => {
    const { width, write } = whiteningOf(backend, block, capture, damping);
    const size = Math.max(1, Math.floor(SCRATCH / width));
    for (let from = 0; from < examples; from += size) {
      const to = Math.min(from + size, examples);
      backend.scope(() => {
        const rows = backend.scratch(to - from, width);
        write(rows, from === 0 && to === examples ? capture : examplesOf(capture, from, to));
        backend.rowSquaredNorms(columnsOf(out, from, to), rows);
      });
    }
  });
  return out;
}

function ofDense(
  backend: Backend,
  { basis, eigenvalues }: Eigendecomposition,
  { inputs }: DenseCapture,
  damping: number,
): Whitening {
  const { rows, cols } = eigenvalues;
  const half = backend.scratch(inputs.rows, rows);
  backend.scope(() => {
    const squares = backend.scratch(inputs.rows, cols);
    if (basis === undefined) backend.squares(squares, inputs);
    else {
      backend.gemm(squares, inputs, basis.input);
      backend.squares(squares, squares);
    }
    const inverse = backend.scratch(rows, cols);
    backend.write(inverse, new Float64Array(rows * cols).fill(1));
    backend.dampedDivide(inverse, inverse, { eigenvalues, damping });
    backend.gemm(half, squares, inverse, { transposeB: true });
  });
  return {
    width: rows,
    write(out, capture) {
      const { outputGradients } = capture as DenseCapture;
      const root = { eigenvalues: half, damping: 0, exponent: -1 / 2 };
      if (basis === undefined) return backend.dampedDivide(out, outputGradients, root);
      backend.gemm(out, outputGradients, basis.output);
      backend.dampedDivide(out, out, root);
    },
  };
}

/** `out_n = (Q_out^T G_n Q_in) / (Theta + lambda)^(1/2)`. */
function rotated(
  backend: Backend,
  out: Matrix,
  { basis, eigenvalues }: Eigendecomposition,
  capture: Capture,
  damping: number,
): void {
  const { examples } = capture;
  const { rows, cols } = eigenvalues;
  const tall = reshaped(out, examples * rows, cols);
  const own = (m: Matrix, n: number): Matrix => rowsOf(m, n * rows, (n + 1) * rows);
  backend.scope(() => {
    if (basis === undefined) writeGradients(backend, tall, capture);
    else if (capture.kind === "conv2d" && capture.outputGradients.rows < examples * rows) {
      // Fewer patches than rows of gradients: they are turned.
      writeGradients(backend, tall, turned(backend, capture, basis));
    } else {
      const [gradients, half] = [0, 0].map(() => backend.scratch(examples * rows, cols));
      writeGradients(backend, gradients, capture);
      backend.gemm(half, gradients, basis.input);
      for (let n = 0; n < examples; n++) {
        backend.gemm(own(tall, n), basis.output, own(half, n), { transposeA: true });
      }
    }
    for (let n = 0; n < examples; n++) {
      const one = own(tall, n);
      backend.dampedDivide(one, one, { eigenvalues, damping, exponent: 1 / 2 });
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

/** What a convolution leaves, with the patches of its images as rows, [N T, dIn']. */
interface TurnedPatches {
  readonly kind: "patches";
  readonly examples: number;
  readonly patches: Matrix;
  readonly outputGradients: Matrix;
}

/** The patches times Q_in, and `g Q_out`. */
function turned(
  backend: Backend,
  { images, geometry, outputGradients: g, examples }: ConvCapture,
  { output, input }: Basis,
): TurnedPatches {
  const outputGradients = backend.scratch(g.rows, g.cols);
  backend.gemm(outputGradients, g, output);
  const patches = backend.scratch(g.rows, input.cols);
  backend.scope(() => {
    const plain = backend.scratch(patches.rows, patches.cols);
    backend.patches(plain, images, geometry);
    backend.gemm(patches, plain, input);
  });
  return { kind: "patches", examples, patches, outputGradients };
}

/** `out_n = (F + lambda)^(-1/2) G_n`. */
function byRoots(
  backend: Backend,
  out: Matrix,
  block: Block,
  capture: Capture,
  damping: number,
): void {
  const { rows, cols } = block.parameter.value;
  for (let n = 0; n < capture.examples; n++) {
    backend.scope(() => {
      const gradient = backend.scratch(rows, cols);
      writeGradient(backend, gradient, examplesOf(capture, n, n + 1));
      const one = reshaped(rowsOf(out, n, n + 1), rows, cols);
      block.power(one, gradient, { damping, exponent: 1 / 2 });
    });
  }
}
