/**
 * Memory of the reference backend: plain Float64Arrays.
 *
 * @module
 */

import type { Matrix } from "../../core/matrix.ts";
import { type DenseMatrix, denseMatrix } from "../../linalg/dense_matrix.ts";
import type { Blend, Scalar } from "../backend.ts";
import type { RawStorage } from "../kernels.ts";

/** Numbers in float64. */
export class ReferenceStorage implements RawStorage {
  /** The numbers; empty once disposed. */
  data: Float64Array;
  /** See {@linkcode MatrixStorage.length}. */
  readonly length: number;
  /** See {@linkcode MatrixStorage.disposed}. */
  disposed = false;

  /**
   * Takes memory from the host.
   *
   * @param length Number of elements, all `fill`.
   * @param fill What they hold. @default {0}
   */
  constructor(length: number, fill = 0) {
    this.length = length;
    this.data = new Float64Array(length).fill(fill);
  }

  /** Lets the numbers go. */
  release(): void {
    this.disposed = true;
    this.data = new Float64Array(0);
  }
}

/** The numbers of a view, row by row. */
export function gather(m: Matrix): DenseMatrix {
  const { data } = m.storage as ReferenceStorage;
  const out = denseMatrix(m.rows, m.cols);
  for (let i = 0; i < m.rows; i++) {
    const start = m.offset + i * m.stride;
    out.data.set(data.subarray(start, start + m.cols), i * m.cols);
  }
  return out;
}

/** Writes numbers, row by row, into a view: `out = decay * out + scale * values`. */
export function scatter(
  out: Matrix,
  values: ArrayLike<number>,
  { decay = 0, scale = 1 }: Blend = {},
): void {
  const { data } = out.storage as ReferenceStorage;
  for (let i = 0; i < out.rows; i++) {
    for (let j = 0; j < out.cols; j++) {
      const at = out.offset + i * out.stride + j;
      const kept = decay === 0 ? 0 : decay * data[at];
      data[at] = kept + scale * values[i * out.cols + j];
    }
  }
}

/** The number that a scalar stands for. */
export function numberOf(scalar: Scalar): number {
  return typeof scalar === "number" ? scalar : gather(scalar).data[0];
}
