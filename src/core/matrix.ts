/**
 * The one kind of array the library knows: a row-major matrix that lives on a backend.
 *
 * A vector of n numbers is a matrix of shape [1, n], a scalar one of shape [1, 1], a batch of
 * images one of shape [examples * height * width, channels]. A `Matrix` is a light view: it does not
 * own its storage, and taking views ({@linkcode columnsOf}, {@linkcode reshaped}) costs nothing.
 *
 * @module
 */

import { ShapeError } from "./errors.ts";

/** A run of numbers on a backend. What is inside is the backend's own affair. */
export interface MatrixStorage {
  /** Number of elements. */
  readonly length: number;
  /** True once it has been given back; any verb that meets it then throws `StateError`. */
  readonly disposed: boolean;
}

/** A row-major matrix view: element (i, j) is number `offset + i * stride + j` of the storage. */
export interface Matrix {
  /** The numbers this view looks at; not owned. */
  readonly storage: MatrixStorage;
  /** Index of the first element in the storage. */
  readonly offset: number;
  /** Number of rows, >= 0. */
  readonly rows: number;
  /** Number of columns, >= 0. */
  readonly cols: number;
  /** Distance between the starts of two rows, >= cols, in elements. */
  readonly stride: number;
}

/** A matrix together with the duty to give its storage back. */
export interface OwnedMatrix extends Matrix, Disposable {}

/** True when the rows follow each other without a gap, so that the matrix is one run of numbers. */
export function isContiguous(m: Matrix): boolean {
  return m.stride === m.cols || m.rows <= 1;
}

/** `"[rows, cols]"`, for messages. */
export function shapeOf(m: Matrix): string {
  return `[${m.rows}, ${m.cols}]`;
}

/**
 * A view of the columns `from` (included) to `to` (excluded).
 *
 * @throws {ShapeError} When the range does not lie inside the matrix.
 *
 * @example Views cost nothing and own nothing
 * ```ts
 * import assert from "node:assert/strict";
 *
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { columnsOf, isContiguous, reshaped, rowsOf, shapeOf } from "@tekfac/tekfac/core";
 *
 * using backend = await createBackend();
 * using m = backend.alloc(2, 3);
 * backend.write(m, [1, 2, 3, 4, 5, 6]);
 *
 * const right = columnsOf(m, 1, 3);
 * assert.deepEqual([...backend.readSync(right)], [2, 3, 5, 6]);
 * assert(isContiguous(m) && !isContiguous(right));
 * assert.deepEqual([...backend.readSync(rowsOf(m, 1, 2))], [4, 5, 6]);
 * assert.equal(shapeOf(reshaped(m, 3, 2)), "[3, 2]");
 * ```
 */
export function columnsOf(m: Matrix, from: number, to: number): Matrix {
  if (!(from >= 0 && from <= to && to <= m.cols)) {
    throw new ShapeError(
      "Cannot view columns",
      `a range inside [0, ${m.cols}]`,
      `[${from}, ${to}]`,
    );
  }
  return {
    storage: m.storage,
    offset: m.offset + from,
    rows: m.rows,
    cols: to - from,
    stride: m.stride,
  };
}

/**
 * A view of the rows `from` (included) to `to` (excluded).
 *
 * @throws {ShapeError} When the range does not lie inside the matrix.
 */
export function rowsOf(m: Matrix, from: number, to: number): Matrix {
  if (!(from >= 0 && from <= to && to <= m.rows)) {
    throw new ShapeError("Cannot view rows", `a range inside [0, ${m.rows}]`, `[${from}, ${to}]`);
  }
  return {
    storage: m.storage,
    offset: m.offset + from * m.stride,
    rows: to - from,
    cols: m.cols,
    stride: m.stride,
  };
}

/**
 * The same numbers, in the same order, under another shape.
 *
 * @throws {ShapeError} When the matrix is not contiguous or the sizes differ.
 */
export function reshaped(m: Matrix, rows: number, cols: number): Matrix {
  if (!isContiguous(m) || rows * cols !== m.rows * m.cols) {
    throw new ShapeError(
      "Cannot reshape a matrix",
      `a contiguous matrix of ${rows} x ${cols} elements`,
      `${shapeOf(m)} with stride ${m.stride}`,
    );
  }
  return { storage: m.storage, offset: m.offset, rows, cols, stride: cols };
}
