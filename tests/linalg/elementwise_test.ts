import assert from "#assert";
import { allFinite, axpby, denseMatrix, zeroUnless } from "@tekfac/tekfac/linalg";

const NONE = denseMatrix(1, 2, [NaN, Infinity]);
const SOME = denseMatrix(1, 2, [1, -2]);

Deno.test("axpby() reads neither x where alpha is 0 nor y where beta is", () => {
  assert.deepEqual([...axpby(2, SOME, 3, SOME).data], [5, -10]);
  assert.deepEqual([...axpby(0, NONE, 3, SOME).data], [3, -6]);
  assert.deepEqual([...axpby(2, SOME, 0, NONE).data], [2, -4]);
  assert.deepEqual([...axpby(0, NONE, 0, NONE).data], [0, 0]);
});

Deno.test("zeroUnless() replaces whatever there is", () => {
  assert.deepEqual([...zeroUnless(NONE, false).data], [0, 0]);
  assert.deepEqual([...zeroUnless(SOME, true).data], [1, -2]);
});

Deno.test("allFinite() finds NaN and infinity, and nothing in an empty matrix", () => {
  assert.equal(allFinite(SOME), true);
  assert.equal(allFinite(NONE), false);
  assert.equal(allFinite(denseMatrix(1, 2, [0, -Infinity])), false);
  assert.equal(allFinite(denseMatrix(0, 2)), true);
});
