import assert from "#assert";
import { Random } from "@tekfac/tekfac/core";
import {
  choleskyFactor,
  choleskyInverse,
  choleskySolve,
  denseMatrix,
  gemm,
  identityMatrix,
} from "@tekfac/tekfac/linalg";
import { allClose, randomMatrix, randomSymmetric } from "@tekfac/tekfac/testing";

const N = 9;
const CONDITION = 100;
/** Backward stable: the error of the solution is about n * epsilon * condition (Higham 2002, 10.1). */
const ABSOLUTE = 4 * N * Number.EPSILON * CONDITION;

function wellConditioned(): ReturnType<typeof randomSymmetric> {
  const spectrum = Float64Array.from({ length: N }, (_, i) => CONDITION ** (i / (N - 1)));
  return randomSymmetric(new Random(5), spectrum);
}

Deno.test("choleskyFactor() gives the textbook factor", () => {
  const l = choleskyFactor(denseMatrix(2, 2, [4, 2, 2, 10]));
  assert.deepEqual([...l!.data], [2, 0, 1, 3]);
});

Deno.test("choleskySolve() solves for several right-hand sides", () => {
  const x = wellConditioned();
  const y = randomMatrix(new Random(6), N, 3);
  const solution = choleskySolve(choleskyFactor(x)!, gemm(x, y));
  allClose(solution.data, y.data, { absolute: 4 * ABSOLUTE });
});

Deno.test("choleskyInverse() times the matrix is the identity", () => {
  const x = wellConditioned();
  const product = gemm(x, choleskyInverse(x)!);
  allClose(product.data, identityMatrix(N).data, { absolute: ABSOLUTE });
});

Deno.test("choleskyInverse() scales and shifts first", () => {
  const inverse = choleskyInverse(denseMatrix(1, 1, [3]), 2, 4);
  allClose(inverse!.data, [0.1], { relative: 2 ** -51 });
});

Deno.test("choleskyFactor() is undefined for an indefinite, singular or non-finite matrix", () => {
  for (const corner of [-1, 0, NaN, Infinity]) {
    assert.equal(choleskyFactor(denseMatrix(2, 2, [1, 0, 0, corner])), undefined);
  }
});
