/**
 * Gradients of single examples in coordinates in which a layer's damped inverse is the identity.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture, DenseCapture } from "../core/capture.ts";
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
  const tall = (m: Matrix): Matrix => reshaped(m, examples * rows, cols);
  const own = (m: Matrix, n: number): Matrix => rowsOf(m, n * rows, (n + 1) * rows);
  backend.scope(() => {
    const gradients = basis === undefined ? tall(out) : backend.scratch(examples * rows, cols);
    const turned = basis === undefined ? capture : turnedOutputs(backend, capture, basis.output);
    if (turned.kind === "elements") {
      backend.axpby(reshaped(gradients, examples, rows * cols), 1, turned.gradients, 0);
    } else {
      for (let n = 0; n < examples; n++) {
        writeGradient(backend, own(gradients, n), examplesOf(turned, n, n + 1));
      }
    }
    if (basis !== undefined) backend.gemm(tall(out), gradients, basis.input);
    for (let n = 0; n < examples; n++) {
      const one = own(tall(out), n);
      backend.dampedDivide(one, one, { eigenvalues, damping, exponent: 1 / 2 });
    }
  });
}

/** The capture with `g Q_out` in the place of g: its gradients are `Q_out^T G_n`. */
function turnedOutputs(backend: Backend, capture: Capture, output: Matrix): Capture {
  if (capture.kind === "elements") return capture;
  const { rows, cols } = capture.outputGradients;
  const outputGradients = backend.scratch(rows, cols);
  backend.gemm(outputGradients, capture.outputGradients, output);
  return { ...capture, outputGradients };
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
