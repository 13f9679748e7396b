import assert from "#assert";
import { denseMatrix, dot, frobeniusNorm, sum, trace } from "@tekfac/tekfac/linalg";
import { allClose } from "@tekfac/tekfac/testing";

Deno.test("sum(), dot() and trace() of known matrices", () => {
  const x = denseMatrix(3, 3, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(sum(x), 45);
  assert.equal(dot(x, x), 285);
  assert.equal(trace(x), 15);
});

Deno.test("sum() of a million tenths errs by less than log2 n roundings", () => {
  const n = 2 ** 20;
  const x = denseMatrix(1, n, new Float64Array(n).fill(0.1));
  allClose([sum(x)], [n * 0.1], { relative: 20 * Number.EPSILON });
});

Deno.test("frobeniusNorm() neither overflows nor vanishes", () => {
  allClose([frobeniusNorm(denseMatrix(1, 2, [3e200, 4e200]))], [5e200], { relative: 2 ** -51 });
  allClose([frobeniusNorm(denseMatrix(1, 2, [3e-200, 4e-200]))], [5e-200], { relative: 2 ** -51 });
});
