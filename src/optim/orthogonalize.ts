/**
 * The orthogonal matrix that is nearest to a given one, by products of matrices alone.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { div, formula, greater, select, sqrt } from "../core/formula.ts";
import type { Matrix } from "../core/matrix.ts";

/** Coefficients `(a, b, c)` of one iteration `X <- a X + b (X X^T) X + c (X X^T)^2 X`. */
export type Quintic = readonly [a: number, b: number, c: number];

/**
 * - `"jordan"`: one polynomial, steep at 0, that lets singular values end anywhere in about [0.68, 1.14] (Jordan et
 *   al. 2024).
 * - `"polarExpress"`: for each iteration the polynomial that is best for what the earlier ones leave (Amsel et al.
 *   2025, arXiv 2505.16932), for singular values from 1e-3 on.
 */
export type Orthogonalization = "jordan" | "polarExpress";

/** A little less than what is best, so that rounding cannot push a singular value out of the range. */
const SAFETY = 1.01;

/** Amsel et al. 2025, section 4: best of degree 5 for singular values in [1e-3, 1]; the last one is repeated. */
const POLAR_EXPRESS: readonly Quintic[] = [
  [8.28721201814563, -23.595886519098837, 17.300387312530933],
  [4.107059111542203, -2.9478499167379106, 0.5448431082926601],
  [3.9486908534822946, -2.908902115962949, 0.5518191394370137],
  [3.3184196573706015, -2.488488024314874, 0.51004894012372],
  [2.300652019954817, -1.6689039845747493, 0.4188073119525673],
  [1.891301407787398, -1.2679958271945868, 0.37680408948524835],
  [1.8750014808534479, -1.2500016453999487, 0.3750001645474248],
  [1.875, -1.25, 0.375],
];

/**
 * The polynomials of some iterations.
 *
 * @param kind Whose.
 * @param iterations How many, >= 1.
 *
 * @example Where singular values go
 * ```ts
 * import assert from "node:assert/strict";
 * import { quintics } from "@tekfac/tekfac/optim";
 *
 * const after = (sigma: number) =>
 *   quintics("polarExpress", 8).reduce((s, [a, b, c]) => a * s + b * s ** 3 + c * s ** 5, sigma);
 * for (const sigma of [1e-3, 0.1, 1]) assert(Math.abs(after(sigma) - 1) < 1e-5);
 * ```
 */
export function quintics(kind: Orthogonalization, iterations: number): readonly Quintic[] {
  const last = POLAR_EXPRESS.length - 1;
  return Array.from({ length: iterations }, (_, i): Quintic => {
    if (kind === "jordan") return [3.4445, -4.7750, 2.0315];
    const [a, b, c] = POLAR_EXPRESS[Math.min(i, last)];
    return i < last ? [a / SAFETY, b / SAFETY ** 3, c / SAFETY ** 5] : [a, b, c];
  });
}

/**
 * `out ~ U V^T` for `X = U S V^T`, by Newton and Schulz's iteration on `X / |X|_F` (Bjorck & Bowie 1971; Jordan et
 * al. 2024): `X <- a X + b (X X^T) X + c (X X^T)^2 X`, with `X^T X` on the right where that is the smaller one. A
 * matrix of zeros, or one whose squared norm is below what the backend's numbers can hold, gives zeros. Inside a
 * scope: temporaries are scratch memory.
 *
 * Takes 2 s^2 l + s^3 multiplications an iteration, s the shorter and l the longer side.
 *
 * @param out Receives the result, shape of X; must not overlap X.
 * @param x Any matrix of finite numbers.
 * @param polynomials See {@linkcode quintics}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { orthogonalize, quintics } from "@tekfac/tekfac/optim";
 *
 * using backend = await createBackend();
 * using x = backend.alloc(2, 2);
 * using out = backend.alloc(2, 2);
 * backend.write(x, [0, 3, -1, 0]);
 * backend.scope(() => orthogonalize(backend, out, x, quintics("polarExpress", 8)));
 * [0, 1, -1, 0].forEach((value, i) => {
 *   assert(Math.abs(backend.readSync(out)[i] - value) < 1e-5);
 * });
 * ```
 */
export function orthogonalize(
  backend: Backend,
  out: Matrix,
  x: Matrix,
  polynomials: readonly Quintic[],
): void {
  const { rows, cols } = x;
  const wide = rows <= cols;
  const side = Math.min(rows, cols);
  backend.scope(() => {
    const gram = backend.scratch(side, side);
    const polynomial = backend.scratch(side, side);
    const [squares, scale] = [backend.scratch(1, 1), backend.scratch(1, 1)];
    const other = backend.scratch(rows, cols);
    backend.dot(squares, x, x);
    backend.evaluate(inverseRoot, { squares }, { scale });
    // Each iteration leaves its result in the other matrix; the last one has to be `out`.
    let [from, to] = polynomials.length % 2 === 0 ? [out, other] : [other, out];
    backend.axpby(from, scale, x, 0);
    for (const [a, b, c] of polynomials) {
      backend.gemm(gram, from, from, wide ? { transposeB: true } : { transposeA: true });
      backend.axpby(polynomial, 1, gram, 0);
      backend.gemm(polynomial, gram, gram, { alpha: c, beta: b });
      backend.axpby(to, 1, from, 0);
      if (wide) backend.gemm(to, polynomial, from, { beta: a });
      else backend.gemm(to, from, polynomial, { beta: a });
      [from, to] = [to, from];
    }
  });
}

const inverseRoot = formula({ squares: "number" }, ({ squares }) => ({
  scale: select(greater(squares, 0), div(1, sqrt(squares)), 0),
}));
