import assert from "#assert";
import fc from "#fast-check";
import { denseMatrix, gemm, identityMatrix, transposed } from "@tekfac/tekfac/linalg";
import { Random } from "@tekfac/tekfac/core";
import { allClose, randomMatrix } from "@tekfac/tekfac/testing";

Deno.test("gemm() multiplies by hand-computed rows and columns", () => {
  const a = denseMatrix(2, 3, [1, 2, 3, 4, 5, 6]);
  const b = denseMatrix(3, 2, [7, 8, 9, 10, 11, 12]);
  assert.deepEqual([...gemm(a, b).data], [58, 64, 139, 154]);
});

Deno.test("gemm() with a flag equals the product with the transposed matrix", () => {
  const random = new Random(1);
  const a = randomMatrix(random, 3, 4);
  const b = randomMatrix(random, 4, 5);
  const expected = gemm(a, b).data;
  assert.deepEqual(gemm(transposed(a), b, { transposeA: true }).data, expected);
  assert.deepEqual(gemm(a, transposed(b), { transposeB: true }).data, expected);
});

Deno.test("gemm() leaves a matrix unchanged when the other factor is the identity", () => {
  const a = randomMatrix(new Random(2), 4, 4);
  assert.deepEqual(gemm(a, identityMatrix(4)).data, a.data);
});

Deno.test("gemm() gives an empty sum for an inner size of 0, and rejects unequal ones", () => {
  assert.deepEqual([...gemm(denseMatrix(2, 0), denseMatrix(0, 1)).data], [0, 0]);
  assert.throws(() => gemm(denseMatrix(2, 3), denseMatrix(2, 3)), /received 3 and 2/);
});

Deno.test("gemm() is associative up to rounding", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 6 }), (seed, n) => {
      const random = new Random(seed);
      const [a, b, c] = [0, 1, 2].map(() => randomMatrix(random, n, n));
      const absolute = 2 ** -52 * n * n * 1e3;
      allClose(gemm(gemm(a, b), c).data, gemm(a, gemm(b, c)).data, { absolute });
    }),
    { seed: 1 },
  );
});
