/**
 * A bound on the norm of a step's gradients.
 *
 * @module
 */

import type { Backend } from "../../backend/backend.ts";
import { div, formula, isFinite, max, min, select, sqrt, sum } from "../../core/formula.ts";
import type { Matrix } from "../../core/matrix.ts";

/**
 * Lowers the factor c of a step's gradients to `min(c, limit / |G|)`, `|G|` being the norm of the gradients of all
 * layers as one vector (Pascanu et al. 2013, arXiv 1211.5063, alg. 1): afterwards `|c G| <= limit`.
 *
 * @param factor c, [1, 1], >= 0; overwritten, with 0 where a norm is not finite.
 * @param squaredNorms `|G_l|^2` of every layer, [1, layers].
 * @param limit > 0.
 *
 * @example A gradient of norm 5 that may have 1
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using factor = upload(backend, denseMatrix(1, 1, [1]));
 * using squaredNorms = upload(backend, denseMatrix(1, 2, [9, 16]));
 * clipGradientNorm(backend, factor, squaredNorms, 1);
 * assert.deepEqual([...backend.readSync(factor)], [1 / 5]);
 * ```
 */
export function clipGradientNorm(
  backend: Backend,
  factor: Matrix,
  squaredNorms: Matrix,
  limit: number,
): void {
  backend.evaluate(lowered, { factor, squares: squaredNorms, limit }, { factor });
}

const lowered = formula(
  { factor: "number", squares: "vector", limit: "number" },
  ({ factor, squares, limit }) => {
    const norm = sqrt(sum(squares));
    return { factor: select(isFinite(norm), min(factor, div(limit, max(norm, limit))), 0) };
  },
);
