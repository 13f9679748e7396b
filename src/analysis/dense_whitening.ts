/**
 * Gradients of single examples of a dense layer in coordinates in which its damped inverse is the identity.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture, DenseCapture } from "../core/capture.ts";
import { type Matrix, rowsOf } from "../core/matrix.ts";
import type { Eigendecomposition } from "../curvature/blocks/block.ts";
import type { LowRankBlock } from "../curvature/blocks/low_rank.ts";
import { momentValues } from "../curvature/moments.ts";

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
 * Rows of dOut numbers,
 *
 * ```text
 * u_ni = (Q_out^T g_n)_i sqrt(sum_j (Q_in^T abar_n)_j^2 / (Theta_ij + lambda))
 * ```
 *
 * by a few products for all examples, those of the inputs once.
 */
export function denseWhitening(
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

/**
 * Rows of dOut numbers, for all examples at a time. With the known directions q_i of the outputs and q_j of the inputs,
 * what they leave of g and abar, and an eigenvalue for each of the (k + 1)(l + 1) pairs (docs/MATH.md, section 2.9),
 *
 * ```text
 * <G_n, (F + lambda)^-1 H_n> = sum_i s_ni (q_i . g_n) (q_i . h_n) + s_n,k+1 g_n' . h_n',
 * s_ni = sum_j (q_j . abar_n)^2 / (theta_ij + lambda) + |abar_n'|^2 / (theta_i,l+1 + lambda)
 * ```
 *
 * for H_n of the output gradient h_n and the same inputs; primes are what is left.
 */
export function lowRankWhitening(
  backend: Backend,
  { output, input, moments, parameter: { value } }: LowRankBlock,
  { inputs, examples }: DenseCapture,
  damping: number,
): Whitening {
  const { rows, cols } = moments;
  const [k, l] = [rows - 1, cols - 1];
  const s = backend.scratch(rows, examples);
  backend.scope(() => {
    const along = backend.scratch(cols, examples);
    const left = split(backend, rowsOf(along, 0, l), inputs, input.basis);
    backend.squares(rowsOf(along, 0, l), rowsOf(along, 0, l));
    backend.rowSquaredNorms(rowsOf(along, l, cols), left);
    const eigenvalues = momentValues(backend, moments, [value.rows, value.cols]);
    const inverse = backend.scratch(rows, cols);
    backend.write(inverse, new Float64Array(rows * cols).fill(1));
    backend.dampedDivide(inverse, inverse, { eigenvalues, damping });
    backend.gemm(s, inverse, along);
  });
  return {
    width: value.rows,
    write(out, { outputGradients: g }: DenseCapture) {
      backend.scope(() => {
        const known = backend.scratch(k, g.rows);
        const left = split(backend, known, g, output.basis);
        const root = (x: Matrix, of: Matrix): void =>
          backend.dampedDivide(x, x, { eigenvalues: of, damping: 0, exponent: -1 / 2 });
        root(known, rowsOf(s, 0, k));
        const weights = backend.scratch(1, g.rows);
        backend.write(weights, new Float64Array(g.rows).fill(1));
        root(weights, rowsOf(s, k, rows));
        backend.scaleRows(out, left, weights);
        backend.gemm(out, known, output.basis, { transposeA: true, beta: 1 });
      });
    },
  };
}

/** `along = Q X^T`, and what is left of the rows of X, `X - X Q^T Q`, scratch. */
function split(backend: Backend, along: Matrix, x: Matrix, basis: Matrix): Matrix {
  backend.gemm(along, basis, x, { transposeB: true });
  const left = backend.scratch(x.rows, x.cols);
  backend.axpby(left, 1, x, 0);
  backend.gemm(left, along, basis, { transposeA: true, alpha: -1, beta: 1 });
  return left;
}
