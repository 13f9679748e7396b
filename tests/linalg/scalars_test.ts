import assert from "#assert";
import {
  adamDirection,
  appendOnes,
  axpby,
  clipFactor,
  denseMatrix,
  dot,
  frobeniusNorm,
  relativeDamping,
  scalarPower,
  splitDamping,
  sum,
  trace,
} from "@tekfac/tekfac/linalg";
import { allClose } from "@tekfac/tekfac/testing";

Deno.test("relativeDamping() is tau times the mean eigenvalue, at least tau times the floor", () => {
  assert.equal(relativeDamping(6, { tau: 0.5, factor: 1 / 3, floor: 0 }), 1);
  assert.equal(relativeDamping(0, { tau: 0.5, factor: 1, floor: 1e-12 }), 0.5e-12);
});

Deno.test("splitDamping() multiplies to lambda and favours the larger mean trace", () => {
  const [a, b] = splitDamping(9, 8, 2, [2, 2]);
  assert.deepEqual([a, b], [6, 1.5]);
  assert.deepEqual(splitDamping(9, 0, 2, [2, 2]), [3, 3]);
});

Deno.test("clipFactor() bounds lr^2 nu^2 <U, G> by kl", () => {
  assert.equal(clipFactor(4, { kl: 1, learningRate: 1 }), 0.5);
  assert.equal(clipFactor(4, { kl: 1, learningRate: 1, loss: 4 }), 1);
  assert.equal(clipFactor(-1, { kl: 1, learningRate: 1 }), 1);
  assert.equal(clipFactor(4, { kl: 1, learningRate: 0 }), 1);
});

Deno.test("scalarPower() is 0 where x is not positive", () => {
  assert.equal(scalarPower(4, 0.5, 3), 6);
  assert.equal(scalarPower(0, -1), 0);
  assert.equal(scalarPower(-1, 2), 0);
});

Deno.test("axpby() does not read y when beta is 0", () => {
  const x = denseMatrix(1, 1, [2]);
  assert.equal(axpby(3, x, 0, denseMatrix(1, 1, [NaN])).data[0], 6);
  assert.equal(axpby(3, x, 2, denseMatrix(1, 1, [5])).data[0], 16);
});

Deno.test("appendOnes() writes the homogeneous coordinate last", () => {
  assert.deepEqual([...appendOnes(denseMatrix(2, 1, [5, 6])).data], [5, 1, 6, 1]);
});

Deno.test("adamDirection() follows algorithm 1 for two steps", () => {
  const numbers = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 };
  const [first, second] = [denseMatrix(1, 1, [2]), denseMatrix(1, 1, [-1])];
  const zero = denseMatrix(1, 1);
  const one = adamDirection(zero, zero, first, { ...numbers, count: 1 });
  const two = adamDirection(one.m, one.v, second, { ...numbers, count: 2 });
  const m = (0.9 * 0.2 - 0.1) / (1 - 0.81);
  const v = (0.99 * 0.04 + 0.01) / (1 - 0.9801);
  allClose(two.direction.data, [m / (Math.sqrt(v) + 1e-8)], { relative: 64 * Number.EPSILON });
});

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
