/**
 * Matrices whose numbers are kept elsewhere, by another rank of a group.
 *
 * @module
 */

import type { Matrix, MatrixStorage, OwnedMatrix } from "./matrix.ts";

/** Where there are no numbers; a verb that meets it throws `StateError`, as for any storage that is given back. */
class Elsewhere implements MatrixStorage {
  readonly disposed = true;
  readonly length: number;

  constructor(length: number) {
    this.length = length;
  }
}

/** A view that can be led elsewhere. Views never move but here. */
type Movable = { -readonly [Key in "storage" | "offset" | "stride"]: Matrix[Key] };

/**
 * Whether a matrix's numbers are kept elsewhere.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 *
 * using backend = await createBackend();
 * const kept = backend.alloc(1, 2);
 * giveAway(kept);
 * assert(isAway(kept));
 * assert.equal(backend.memory().liveBytes, 0);
 * backend.scope(() => {
 *   const takeBack = lend(kept, backend.scratch(1, 2));
 *   backend.write(kept, [1, 2]);
 *   takeBack();
 * });
 * assert.throws(() => backend.readSync(kept), /disposed/);
 * assert(isAway(awayMatrix(1, 2)));
 * ```
 */
export function isAway({ storage }: Matrix): boolean {
  return storage instanceof Elsewhere;
}

/** A matrix whose numbers are kept elsewhere. */
export function awayMatrix(rows: number, cols: number): OwnedMatrix {
  const storage = new Elsewhere(rows * cols);
  return { storage, offset: 0, rows, cols, stride: cols, [Symbol.dispose]: () => {} };
}

/**
 * Gives the memory of a matrix back; the matrix itself stays, and whoever holds it can be lent memory for it.
 */
export function giveAway(matrix: OwnedMatrix): void {
  matrix[Symbol.dispose]();
  move(matrix, awayMatrix(matrix.rows, matrix.cols));
}

/** Leads a matrix to another one's numbers, of its shape, until the result is called. */
export function lend(matrix: Matrix, room: Matrix): () => void {
  const { storage, offset, stride } = matrix;
  move(matrix, room);
  return () => move(matrix, { storage, offset, stride });
}

function move(matrix: Movable, { storage, offset, stride }: Movable): void {
  Object.assign(matrix, { storage, offset, stride });
}
