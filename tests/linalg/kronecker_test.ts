import assert from "#assert";
import fc from "#fast-check";
import { Random } from "@tekfac/tekfac/core";
import {
  type DenseMatrix,
  denseMatrix,
  eigenbasisBlock,
  fisherBlock,
  frobeniusDistance,
  frobeniusNorm,
  gemm,
  kron,
  mapMatrix,
  perExampleGradients,
  squaredProjection,
  sum,
  trace,
  transport,
} from "@tekfac/tekfac/linalg";
import { allClose, randomMatrix, randomOrthogonal } from "@tekfac/tekfac/testing";

const asColumn = (x: DenseMatrix): DenseMatrix => ({ ...x, rows: x.data.length, cols: 1 });
const basisOf = (random: Random, dOut: number, dIn: number) => ({
  output: randomOrthogonal(random, dOut),
  input: randomOrthogonal(random, dIn),
});

Deno.test("kron() satisfies vec(B X A^T) = (B (x) A) vec X for row-major vec", () => {
  const random = new Random(1);
  const b = randomMatrix(random, 3, 2);
  const a = randomMatrix(random, 4, 5);
  const x = randomMatrix(random, 2, 5);
  const left = gemm(gemm(b, x), a, { transposeB: true });
  const right = gemm(kron(b, a), asColumn(x));
  allClose(right.data, left.data, { absolute: 64 * Number.EPSILON });
});

Deno.test("kron() satisfies (B (x) A)(D (x) C) = BD (x) AC", () => {
  const random = new Random(2);
  const [b, d] = [randomMatrix(random, 2, 3), randomMatrix(random, 3, 2)];
  const [a, c] = [randomMatrix(random, 3, 2), randomMatrix(random, 2, 4)];
  const left = gemm(kron(b, a), kron(d, c));
  allClose(left.data, kron(gemm(b, d), gemm(a, c)).data, { absolute: 64 * Number.EPSILON });
});

Deno.test("fisherBlock() of one gradient is the outer product of its vec", () => {
  const block = fisherBlock([denseMatrix(2, 1, [1, 3])]);
  assert.deepEqual([...block.data], [1, 3, 3, 9]);
});

Deno.test("perExampleGradients() sums over the locations of each example", () => {
  const inputs = denseMatrix(4, 1, [1, 2, 3, 4]);
  const g = denseMatrix(4, 1, [1, 1, 10, 100]);
  const gradients = perExampleGradients(inputs, g, 2);
  assert.deepEqual(gradients.map(({ data }) => data[0]), [3, 430]);
});

Deno.test("squaredProjection() gives the diagonal of F in the basis, the best diagonal there is", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = new Random(seed);
      const [dOut, dIn, examples] = [3, 4, 5];
      const gradients = Array.from({ length: examples }, () => randomMatrix(random, dOut, dIn));
      const basis = basisOf(random, dOut, dIn);
      const theta = mapMatrix(squaredProjection(gradients, basis), (x) => x / examples);
      const f = fisherBlock(gradients);
      const norm = frobeniusNorm(f);
      const rounding = 64 * Number.EPSILON * norm;
      const q = kron(basis.output, basis.input);
      const inBasis = gemm(gemm(q, f, { transposeA: true }), q);
      const diagonal = theta.data.map((_, i) => inBasis.data[i * (dOut * dIn + 1)]);
      allClose(theta.data, diagonal, { absolute: rounding });
      allClose([trace(eigenbasisBlock(theta, basis))], [trace(f)], { absolute: rounding });
      const error = frobeniusDistance(f, eigenbasisBlock(theta, basis));
      const other = mapMatrix(theta, (x) => x * random.uniform(0.5, 1.5));
      assert.ok(error <= frobeniusDistance(f, eigenbasisBlock(other, basis)) + rounding);
    }),
    { seed: 5, numRuns: 40 },
  );
});

Deno.test("transport() keeps the trace and is the diagonal of the old approximation (MATH.md 3)", () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 5 }),
      (seed, dOut, dIn) => {
        const random = new Random(seed);
        const theta = mapMatrix(randomMatrix(random, dOut, dIn), (x) => x * x);
        const [from, to] = [basisOf(random, dOut, dIn), basisOf(random, dOut, dIn)];
        const moved = transport(theta, from, to);
        const rounding = 64 * Number.EPSILON * dOut * dIn * (sum(theta) + 1);
        allClose([sum(moved)], [sum(theta)], { absolute: rounding });
        const q = kron(to.output, to.input);
        const old = gemm(gemm(q, eigenbasisBlock(theta, from), { transposeA: true }), q);
        const diagonal = moved.data.map((_, i) => old.data[i * (dOut * dIn + 1)]);
        allClose(moved.data, diagonal, { absolute: rounding });
      },
    ),
    { seed: 6 },
  );
});
