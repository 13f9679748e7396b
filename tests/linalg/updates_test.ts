import assert from "#assert";
import { adamDirection, appendOnes, axpby, denseMatrix } from "@tekfac/tekfac/linalg";
import { allClose } from "@tekfac/tekfac/testing";

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
