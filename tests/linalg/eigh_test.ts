import assert from "#assert";
import { Random } from "@tekfac/tekfac/core";
import {
  type DenseMatrix,
  denseMatrix,
  diagonalMatrix,
  eigh,
  frobeniusDistance,
  frobeniusNorm,
  gemm,
  identityMatrix,
} from "@tekfac/tekfac/linalg";
import { allClose, randomSymmetric, stressSpectra } from "@tekfac/tekfac/testing";

/** Each of about 8 sweeps rounds every entry n times; the errors add up like a random walk. */
const allowance = (n: number): number => 8 * Math.max(n, 1) * Number.EPSILON;

function residual(x: DenseMatrix, vectors: DenseMatrix, values: ArrayLike<number>): number {
  const error = frobeniusDistance(gemm(x, vectors), gemm(vectors, diagonalMatrix(values)));
  return error / (frobeniusNorm(x) || 1);
}

Deno.test("eigh() finds the known eigenvalues of the second-difference matrix", () => {
  const n = 12;
  const x = denseMatrix(n, n);
  for (let i = 0; i < n; i++) {
    x.data[i * n + i] = 2;
    if (i > 0) x.data[i * n + i - 1] = x.data[(i - 1) * n + i] = -1;
  }
  const expected = Array.from(
    { length: n },
    (_, k) => 4 * Math.sin((k + 1) * Math.PI / (2 * (n + 1))) ** 2,
  );
  allClose(eigh(x).values, expected, { absolute: 4 * allowance(n) });
});

for (const n of [1, 2, 5, 24]) {
  for (const [name, spectrum] of Object.entries(stressSpectra(n))) {
    Deno.test(`eigh() has a small residual and orthonormal vectors: ${name}, n = ${n}`, () => {
      const x = randomSymmetric(new Random(n), spectrum);
      const { values, vectors, converged } = eigh(x);
      assert.ok(converged);
      const gram = gemm(vectors, vectors, { transposeA: true });
      assert.ok(frobeniusDistance(gram, identityMatrix(n)) <= allowance(n));
      assert.ok(residual(x, vectors, values) <= allowance(n));
      const sorted = Float64Array.from(spectrum).sort();
      const scale = frobeniusNorm(diagonalMatrix(spectrum));
      allClose(values, sorted, { absolute: 4 * allowance(n) * scale });
    });
  }
}

Deno.test("eigh() says that a matrix with a NaN or an infinity did not converge", () => {
  for (const bad of [NaN, Infinity]) {
    const { converged, values } = eigh(denseMatrix(2, 2, [1, 0, 0, bad]));
    assert.equal(converged, false);
    assert.ok(values.every(Number.isNaN));
  }
});

Deno.test("eigh() solves the empty matrix", () => {
  assert.equal(eigh(denseMatrix(0, 0)).values.length, 0);
});
