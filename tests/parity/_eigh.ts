/**
 * Matrices on which eigensolvers go wrong, and what a solution must satisfy.
 *
 * @module
 */

import assert from "#assert";
import type { Random } from "@tekfac/tekfac/core";
import * as linalg from "@tekfac/tekfac/linalg";
import { randomMatrix, randomSymmetric, stressSpectra } from "@tekfac/tekfac/testing";
import { rounded } from "./_parity.ts";

/** `|A Q - Q L|_F / |A|_F` and `|Q^T Q - I|_F / sqrt n` may be this large. */
export const ALLOWED = 3e-6;

/** What a solver gives. */
export interface Solution {
  readonly vectors: linalg.DenseMatrix;
  readonly values: linalg.DenseMatrix;
  readonly status: readonly number[];
}

/** Throws when the residual or the deviation from orthogonality is too large. */
export function checkSolution(
  x: linalg.DenseMatrix,
  { vectors, values }: Solution,
  label: string,
): void {
  const n = x.rows;
  const norm = linalg.frobeniusNorm(x) || 1;
  const product = linalg.gemm(x, vectors);
  const residual = product.data.map((value, i) =>
    (value - vectors.data[i] * values.data[i % n]) / norm
  );
  const gram = linalg.gemm(vectors, vectors, { transposeA: true });
  const deviation = gram.data.map((value, i) =>
    (value - (i % (n + 1) === 0 ? 1 : 0)) / Math.sqrt(n)
  );
  for (const [name, errors] of [["residual", residual], ["orthogonality", deviation]] as const) {
    const size = Math.hypot(...errors);
    assert.ok(size <= ALLOWED, `${label}: ${name} ${size.toExponential(2)} > ${ALLOWED}`);
  }
}

/** Wilkinson's tridiagonal matrix of pairs of nearly equal eigenvalues. */
export function wilkinson(n: number): linalg.DenseMatrix {
  const x = linalg.denseMatrix(n, n);
  for (let i = 0; i < n; i++) {
    x.data[i * n + i] = Math.abs(i - (n - 1) / 2);
    if (i > 0) x.data[i * n + i - 1] = x.data[(i - 1) * n + i] = 1;
  }
  return x;
}

/** A factor with dead units: rows and columns of zeros. */
function deadUnits(random: Random, n: number): linalg.DenseMatrix {
  const inputs = randomMatrix(random, 2 * n, n);
  for (let i = 0; i < inputs.data.length; i++) if (i % n % 3 === 1) inputs.data[i] = 0;
  return linalg.secondMoment(inputs);
}

/** The families by name, n by n, exact in float32. */
export function stressFamilies(random: Random, n: number): Map<string, linalg.DenseMatrix> {
  const families = new Map([
    ["wilkinson", wilkinson(n)],
    ["deadUnits", deadUnits(random, n)],
    ["secondMoment", linalg.secondMoment(randomMatrix(random, n + 3, n))],
  ]);
  for (const [name, spectrum] of Object.entries(stressSpectra(n))) {
    families.set(name, randomSymmetric(random, spectrum));
  }
  return new Map([...families].map(([name, x]) => [name, rounded(x)]));
}
