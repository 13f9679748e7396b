/**
 * Products of matrices, rotations, and the damped inverse.
 *
 * @module
 */

import type { Matrix } from "../../../core/matrix.ts";
import type { Basis, Blend, GemmOptions, Verbs } from "../../backend.ts";
import * as kernels from "../device/_kernels.gen.ts";
import { choleskyInverse } from "./cholesky.ts";
import { elementGrid, type Machine, rowGrid } from "../device/machine.ts";
import { accumulate, isInFours, product } from "./products.ts";

/** The verbs of this topic. */
export type Algebra = Pick<
  Verbs,
  | "gemm"
  | "secondMoment"
  | "rowSquaredNorms"
  | "rowDots"
  | "rotateInto"
  | "rotateBack"
  | "dampedDivide"
  | "choleskyInverse"
>;

/** Products of matrices one below the other: number b of each starts `...Batch` numbers further. */
export interface Batch {
  /** How many. */
  readonly count: number;
  /** Distance of results. */
  readonly c: number;
  /** Distance of left operands; 0 for one that all share. */
  readonly a: number;
  /** Distance of right operands. */
  readonly b: number;
}

const ONE: Batch = { count: 1, c: 0, a: 0, b: 0 };

/**
 * `C = beta C + alpha op(A) op(B)` for a batch; the matrices given are the first ones. Products of great
 * depth and few elements are shared out when there is one.
 */
export function multiply(
  machine: Machine,
  c: Matrix,
  a: Matrix,
  b: Matrix,
  { transposeA = false, transposeB = false, alpha = 1, beta = 0 }: GemmOptions = {},
  batch: Batch = ONE,
): void {
  const shape = { m: c.rows, n: c.cols, depth: transposeA ? a.rows : a.cols };
  const strides = {
    aRow: transposeA ? 1 : a.stride,
    aCol: transposeA ? a.stride : 1,
    aBatch: batch.a,
    bRow: transposeB ? 1 : b.stride,
    bCol: transposeB ? b.stride : 1,
    bBatch: batch.b,
  };
  const vectors = isInFours(a, batch.a) && isInFours(b, batch.b) ? "gemm" as const : undefined;
  const launch = { leftAlongK: !transposeA, rightAlongK: transposeB, vectors };
  if (batch.count === 1) {
    accumulate(
      machine,
      kernels.gemm,
      c,
      { a, b },
      strides,
      { decay: beta, scale: alpha },
      shape,
      launch,
    );
  } else {
    const numbers = { ...strides, cBatch: batch.c, decay: beta, scale: alpha };
    product(machine, kernels.gemm, { c, a, b }, numbers, shape, {
      ...launch,
      batches: batch.count,
    });
  }
}

/** Lanes that may share a row of products: 1 for short rows, a workgroup for long ones. */
const LANES = [1, 16, 256] as const;

/** Products that a lane sums before more lanes are worth their barriers. */
const TERMS_OF_LANE = 32;

/** The verb {@linkcode Verbs.rowSquaredNorms}. */
export function rowSquaredNorms(machine: Machine, out: Matrix, x: Matrix): void {
  rowDots(machine, out, x, x);
}

/** The verb {@linkcode Verbs.rowDots}. */
export function rowDots(
  machine: Machine,
  out: Matrix,
  x: Matrix,
  y: Matrix,
  { decay = 0, scale = 1 }: Blend = {},
): void {
  const { rows, cols } = x;
  const lanes = LANES.find((lanes) => cols <= TERMS_OF_LANE * lanes) ?? 256;
  const grid = rowGrid(Math.ceil(rows * lanes / 256));
  const launch = { overrides: { LANES: lanes } };
  machine.run(kernels.rowDots, { out, x, y }, { rows, cols, decay, scale }, grid, launch);
}

/** The verbs of this topic on one machine. */
export function createAlgebra(machine: Machine): Algebra {
  const algebra: Algebra = {
    gemm: (c, a, b, options) => multiply(machine, c, a, b, options),

    secondMoment(c, x, { weights, ...blend } = {}) {
      const shape = { m: c.rows, n: c.cols, depth: x.rows };
      const weighted = weights === undefined ? 0 : 1;
      const vectors = isInFours(x) ? "second_moment" as const : undefined;
      const launch = { leftAlongK: false, upperOnly: true, flush: true, vectors };
      accumulate(
        machine,
        kernels.secondMoment,
        c,
        { x, weights },
        { weighted },
        blend,
        shape,
        launch,
      );
    },

    rowSquaredNorms: (out, x) => rowSquaredNorms(machine, out, x),

    rowDots: (out, x, y, blend) => rowDots(machine, out, x, y, blend),

    rotateInto(out, x, { output, input }) {
      machine.scope(() => {
        const half = machine.temporary(x.rows, x.cols);
        multiply(machine, half, output, x, { transposeA: true });
        multiply(machine, out, half, input);
      });
    },

    rotateBack(out, x, basis, division) {
      machine.scope(() => {
        let inside = x;
        if (division !== undefined) {
          inside = machine.temporary(x.rows, x.cols);
          algebra.dampedDivide(inside, x, division);
        }
        rotateOut(machine, out, inside, basis);
      });
    },

    dampedDivide(out, x, { eigenvalues: theta, damping, exponent = 1 }) {
      const { rows, cols } = x;
      machine.run(
        kernels.dampedDivide,
        { out, x, theta, damping },
        { rows, cols, exponent },
        elementGrid(rows * cols),
        { overrides: { ROOT: exponent === 1 ? 0 : exponent === 0.5 ? 1 : 2 } },
      );
    },

    choleskyInverse: (...call) => choleskyInverse(machine, ...call),
  };
  return algebra;
}

/** `out = Q_out X Q_in^T`. */
function rotateOut(machine: Machine, out: Matrix, x: Matrix, { output, input }: Basis): void {
  const half = machine.temporary(x.rows, x.cols);
  multiply(machine, half, output, x);
  multiply(machine, out, half, input, { transposeB: true });
}
