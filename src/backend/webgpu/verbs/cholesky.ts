/**
 * The damped inverse of a symmetric positive definite matrix, block by block.
 *
 * @module
 */

import type { Matrix } from "../../../core/matrix.ts";
import type { Scalar } from "../../backend.ts";
import * as kernels from "../device/_kernels.gen.ts";
import { elementGrid, type Machine } from "../device/machine.ts";

/** Rows of a pivot block, the same as in the kernels. */
const BLOCK = 32;

/** See {@linkcode Verbs.choleskyInverse}; the steps are explained in `kernels/cholesky_prepare.wgsl`. */
export function choleskyInverse(
  machine: Machine,
  out: Matrix,
  x: Matrix,
  scale: Scalar,
  shift: Scalar,
  status: Matrix,
): void {
  const n = x.rows;
  if (n === 0) return machine.write(status, [1]);
  const square = { rows: n, cols: n };
  const grid = elementGrid(n * n);
  machine.scope(() => {
    const w = machine.temporary(n, n);
    const flag = machine.temporary(1, 1);
    const panel = machine.temporary(2 * BLOCK, n);
    const pivot = machine.temporary(BLOCK, BLOCK);
    machine.run(kernels.choleskyPrepare, { w, flag, x, scale, shift }, square, grid);
    for (let first = 0; first < n; first += BLOCK) {
      const size = Math.min(BLOCK, n - first);
      const block = { first, size };
      machine.run(kernels.choleskyPivot, { pivot, flag, w }, { ...block, n }, [1, 1, 1]);
      machine.run(
        kernels.choleskyPanel,
        { panel, pivot, w },
        { rows: size, cols: n, first },
        elementGrid(size * n),
      );
      machine.run(kernels.choleskySweep, { w, panel, pivot }, { ...square, ...block }, grid);
    }
    machine.run(kernels.choleskyFinish, { out, status, w, flag }, square, grid);
  });
}
