/** Factors and divergences against plain sums over examples, closed forms, and other products than the best one. */
import assert from "#assert";
import { Random } from "@tekfac/tekfac/core";
import {
  axpby,
  choleskyFactor,
  choleskyInverse,
  type DenseMatrix,
  denseMatrix,
  diagonalMatrix,
  eigh,
  frobeniusDistance,
  frobeniusNorm,
  gemm,
  identityMatrix,
  kron,
  trace,
} from "@tekfac/tekfac/linalg";
import { allClose } from "@tekfac/tekfac/testing";
import {
  dampings,
  factorChoices,
  familyOf,
  gaussianDivergence,
  measureFamily,
  vonNeumann,
} from "../../lab/relationships/divergences.ts";
import type { LayerRelationships } from "../../lab/relationships/layer_relationships.ts";
import {
  type FactorPair,
  inputMoment,
  likeliestProduct,
  nearestProduct,
  outputMoment,
  partialTraces,
  product,
} from "../../lab/relationships/factor_family.ts";

const SIZES = { outputs: 3, inputs: 4 };
const EXAMPLES = 40;

/** Gradients `g a^T` in which large g meet other inputs than small ones. */
function gradients(seed: number) {
  const random = new Random(seed);
  return Array.from({ length: EXAMPLES }, () => {
    const a = Array.from({ length: SIZES.inputs }, (_, j) => random.normal() / (1 + j));
    const scale = Math.exp(a[0]);
    const g = Array.from({ length: SIZES.outputs }, () => scale * random.normal());
    return { a, g };
  });
}

/** `E[vec(g a^T) vec(g a^T)^T]` by its definition, and a little more on the diagonal. */
function fisher(of: ReturnType<typeof gradients>, damping: number): DenseMatrix {
  const n = SIZES.outputs * SIZES.inputs;
  const out = diagonalMatrix(new Float64Array(n).fill(damping));
  for (const { a, g } of of) {
    const v = g.flatMap((x) => a.map((y) => x * y));
    v.forEach((x, i) => v.forEach((y, j) => out.data[i * n + j] += x * y / EXAMPLES));
  }
  return out;
}

const symmetric = (random: Random, n: number): DenseMatrix => {
  const x = denseMatrix(n, n, Array.from({ length: n * n }, () => random.normal()));
  return gemm(x, x, { transposeB: true });
};

Deno.test("inputMoment() and outputMoment() are moments weighed by the other side's quadratic form", () => {
  const examples = gradients(1);
  const f = fisher(examples, 0);
  const random = new Random(2);
  const [m, k] = [symmetric(random, SIZES.outputs), symmetric(random, SIZES.inputs)];
  const form = (w: DenseMatrix, x: number[]) =>
    x.reduce(
      (sum, xi, i) => sum + x.reduce((s, xj, j) => s + xi * w.data[i * w.cols + j] * xj, 0),
      0,
    );
  const moment = (x: number[][], w: number[]) =>
    x[0].flatMap((_, i) =>
      x[0].map((_, j) => x.reduce((sum, row, n) => sum + w[n] * row[i] * row[j] / EXAMPLES, 0))
    );
  const [a, g] = [examples.map((e) => e.a), examples.map((e) => e.g)];
  const tolerance = { relative: 1e-11, absolute: 1e-11 };
  allClose(inputMoment(f, SIZES, m).data, moment(a, g.map((x) => form(m, x))), tolerance);
  allClose(outputMoment(f, SIZES, k).data, moment(g, a.map((x) => form(k, x))), tolerance);
});

/** The pair moved a little, at random; both stay positive definite. */
function moved(random: Random, { output, input }: FactorPair, share: number): FactorPair {
  const near = (x: DenseMatrix): DenseMatrix => {
    const noise = symmetric(random, x.rows);
    const factor = share * trace(x) / trace(noise);
    return axpby(random.uniform(1 - share, 1 + share), x, factor * random.uniform(), noise);
  };
  return { output: near(output), input: near(input) };
}

/** No product nearby has a smaller divergence, and the other choices have larger ones. */
function isBest(
  name: string,
  pair: FactorPair,
  others: readonly FactorPair[],
  divergence: (x: DenseMatrix) => number,
): void {
  const best = divergence(product(pair));
  const random = new Random(3);
  for (let i = 0; i < 60; i++) {
    const other = divergence(product(moved(random, pair, i % 2 === 0 ? 0.01 : 0.3)));
    assert.ok(other > best - 1e-10 * Math.abs(best), `${name}: ${other} < ${best}`);
  }
  for (const other of others) assert.ok(divergence(product(other)) > best, name);
}

Deno.test("each member of the family is the best product in its own sense", () => {
  for (const seed of [1, 2, 3]) {
    const f = fisher(gradients(seed), 0.01);
    const [traces, nearest, likeliest] = [partialTraces, nearestProduct, likeliestProduct]
      .map((pair) => pair(f, SIZES));
    isBest("von Neumann", traces, [nearest, likeliest], (x) => vonNeumann(f, x));
    isBest("Frobenius", nearest, [traces, likeliest], (x) => frobeniusDistance(f, x));
    isBest("likelihood", likeliest, [traces, nearest], (x) => gaussianDivergence(f, x));
    assert.ok(Math.abs(trace(product(traces)) - trace(f)) < 1e-10 * trace(f));
  }
});

Deno.test("all of them find a Kronecker product that is one, up to rounding", () => {
  const random = new Random(4);
  const [b, a] = [symmetric(random, SIZES.outputs), symmetric(random, SIZES.inputs)];
  const f = kron(b, a);
  for (const find of [partialTraces, nearestProduct, likeliestProduct]) {
    allClose(product(find(f, SIZES)).data, f.data, { absolute: 1e-8 * trace(f) });
  }
});

Deno.test("gaussianDivergence() is the trace and the determinants, vonNeumann() a sum where matrices commute", () => {
  const random = new Random(5);
  const [x, y] = [0, 1].map(() => axpby(1, symmetric(random, 5), 1, identityMatrix(5)));
  const logDet = (m: DenseMatrix) => {
    const l = choleskyFactor(m)!;
    return [0, 1, 2, 3, 4].reduce((sum, i) => sum + 2 * Math.log(l.data[6 * i]), 0);
  };
  const expected = (trace(gemm(choleskyInverse(y)!, x)) - 5 + logDet(y) - logDet(x)) / 2;
  assert.ok(Math.abs(gaussianDivergence(x, y) - expected) < 1e-9 * Math.abs(expected));
  assert.ok(Math.abs(gaussianDivergence(x, x)) < 1e-12);

  const [p, q] = [[3, 0.5, 0], [1, 2, 4]];
  const sum = p.reduce((s, pi, i) => s + (pi > 0 ? pi * Math.log(pi / q[i]) : 0) - pi + q[i], 0);
  assert.ok(Math.abs(vonNeumann(diagonalMatrix(p), diagonalMatrix(q)) - sum) < 1e-12);
});

Deno.test("measureFamily() gives the divergences of the matrices themselves", () => {
  const f = fisher(gradients(6), 0);
  const independent = {
    output: identityMatrix(SIZES.outputs),
    input: symmetric(new Random(7), SIZES.inputs),
  };
  const layer = { ...SIZES, fisher: f, independent } as LayerRelationships;
  const pairs = familyOf(layer);
  const mean = trace(f) / f.rows;
  const close = (actual: number, expected: number, name: string) =>
    assert.ok(Math.abs(actual - expected) < 1e-7 * Math.abs(expected) + 1e-9, name);
  for (const { choice, factored, corrected } of measureFamily(layer)) {
    const { output, input } = pairs[choice];
    const basis = kron(eigh(output).vectors, eigh(input).vectors);
    const inside = gemm(basis, gemm(f, basis), { transposeA: true });
    const diagonal = diagonalMatrix(
      Array.from({ length: f.rows }, (_, i) => inside.data[i * (f.rows + 1)]),
    );
    const best = gemm(gemm(basis, diagonal), basis, { transposeB: true });
    for (const [found, matrix] of [[factored, kron(output, input)], [corrected, best]] as const) {
      close(found.vonNeumann, vonNeumann(f, matrix) / trace(f), `${choice}: von Neumann`);
      close(
        found.frobenius,
        frobeniusDistance(f, matrix) / frobeniusNorm(f),
        `${choice}: Frobenius`,
      );
      dampings.forEach((share, i) => {
        const damp = (x: DenseMatrix) => axpby(1, x, share * mean, identityMatrix(f.rows));
        close(found.kl[i], gaussianDivergence(damp(f), damp(matrix)), `${choice}: KL ${share}`);
      });
    }
    assert.ok(corrected.frobenius <= factored.frobenius);
  }
  assert.deepEqual(measureFamily(layer).map(({ choice }) => choice), [...factorChoices]);
});
