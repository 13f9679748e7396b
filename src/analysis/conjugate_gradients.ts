/**
 * Linear equations in a layer's weights whose operator can only be applied (Hestenes & Stiefel 1952).
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Matrix } from "../core/matrix.ts";
import { Owner } from "../curvature/blocks/block.ts";

/** Products after which the solution is taken as it is. */
const MOST = 200;

/** Residuals that are this small against the right side end it; in units of the root of the backend's roundoff. */
const TOLERANCE = 1e-1;

/**
 * Solves `A x = b` for a positive definite A, beginning with what x holds.
 *
 * @param apply `out = A x`; called inside a scope.
 * @param next Is waited for before each product; what it throws ends it.
 * @returns `|b - A x| / |b|`.
 */
export async function solveByProducts(
  backend: Backend,
  apply: (out: Matrix, x: Matrix) => void,
  x: Matrix,
  b: Matrix,
  next: () => Promise<void>,
): Promise<number> {
  const owner = new Owner();
  try {
    const room = (): Matrix => owner.alloc(backend, x.rows, x.cols);
    const [residual, direction, product] = [room(), room(), room()];
    const numbers = owner.alloc(backend, 1, 1);
    const dot = async (y: Matrix, z: Matrix): Promise<number> => {
      backend.dot(numbers, y, z);
      return (await backend.read(numbers))[0];
    };
    backend.scope(() => apply(product, x));
    backend.axpby(residual, 1, b, 0);
    backend.axpby(residual, -1, product, 1);
    backend.axpby(direction, 1, residual, 0);
    const size = await dot(b, b);
    let square = await dot(residual, residual);
    const enough = (TOLERANCE ** 2) * backend.info.roundoff * size;
    for (let step = 0; step < MOST && square > enough; step++) {
      await next();
      backend.scope(() => apply(product, direction));
      const bend = await dot(direction, product);
      if (!(bend > 0)) break;
      const length = square / bend;
      backend.axpby(x, length, direction, 1);
      backend.axpby(residual, -length, product, 1);
      const left = await dot(residual, residual);
      backend.axpby(direction, 1, residual, left / square);
      square = left;
    }
    return size === 0 ? 0 : Math.sqrt(square / size);
  } finally {
    owner[Symbol.dispose]();
  }
}
