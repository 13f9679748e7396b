import assert from "#assert";
import { Random } from "@tekfac/tekfac/core";
import {
  activation,
  activationGradient,
  type DenseMatrix,
  denseMatrix,
  gaussNewtonGradient,
  loss,
  type LossName,
  mapMatrix,
  sampledLossGradient,
  softmax,
} from "@tekfac/tekfac/linalg";
import { allClose, randomMatrix } from "@tekfac/tekfac/testing";

const [N, K] = [4, 3];
/** Those whose Hessian does not depend on targets; others have tests of their own, with the layers. */
const KINDS = [
  "softmaxCrossEntropy",
  "halfSumSquaredError",
  "meanSquaredError",
  "sigmoidCrossEntropy",
] as const satisfies readonly LossName[];
/** Central differences with step h err by h^2 times the third derivative and epsilon / h. */
const STEP = Number.EPSILON ** (1 / 3);
const DIFFERENCE = { absolute: 16 * STEP ** 2 };

function targetsOf(kind: LossName, random: Random): DenseMatrix {
  if (kind === "softmaxCrossEntropy") return denseMatrix(1, N, [2, 0, 1, 2]);
  const targets = randomMatrix(random, N, K);
  return kind === "sigmoidCrossEntropy" ? mapMatrix(targets, (y) => y > 0 ? 1 : 0.25) : targets;
}

for (const kind of KINDS) {
  Deno.test(`loss() ${kind}: the gradient equals central differences`, () => {
    const random = new Random(1);
    const z = randomMatrix(random, N, K);
    const targets = targetsOf(kind, random);
    const differences = z.data.map((value, i) => {
      const at = (shift: number): number => {
        const moved = denseMatrix(N, K, z.data);
        moved.data[i] = value + shift;
        return loss(kind, moved, targets).losses.data[Math.floor(i / K)];
      };
      return (at(STEP) - at(-STEP)) / (2 * STEP);
    });
    allClose(loss(kind, z, targets).gradients.data, differences, DIFFERENCE);
  });

  Deno.test(`sampledLossGradient() ${kind}: mean 0, second moment equal to the Hessian`, () => {
    const random = new Random(2);
    const draws = 20_000;
    const row = [0.3, -0.7, 1.1];
    const z = denseMatrix(draws, K, Array.from({ length: draws }, () => row).flat());
    const noise = kind === "softmaxCrossEntropy" ? denseMatrix(1, draws) : denseMatrix(draws, K);
    const uniform = kind === "softmaxCrossEntropy" || kind === "sigmoidCrossEntropy";
    noise.data.forEach((_, i) => noise.data[i] = uniform ? random.uniform() : random.normal());
    const gradients = sampledLossGradient(kind, z, noise);
    const p = softmax(denseMatrix(1, K, row)).data;
    const hessian = row.map((value, k) =>
      ({
        softmaxCrossEntropy: p[k] * (1 - p[k]),
        halfSumSquaredError: 1,
        meanSquaredError: 2 / K,
        sigmoidCrossEntropy: 1 / (2 + Math.exp(value) + Math.exp(-value)),
      })[kind]
    );
    // Six standard deviations of a mean of draws whose fourth moments are at most 3.
    const absolute = 6 * Math.sqrt(3 / draws);
    for (let k = 0; k < K; k++) {
      const column = gradients.data.filter((_, i) => i % K === k);
      const mean = (f: (x: number) => number): number =>
        column.reduce((total, x) => total + f(x), 0) / draws;
      allClose([mean((x) => x)], [0], { absolute });
      allClose([mean((x) => x * x)], [hessian[k]], { absolute });
    }
  });
}

for (
  const kind of [
    "softmaxCrossEntropy",
    "sigmoidCrossEntropy",
    "halfSumSquaredError",
    "meanSquaredError",
  ] as const
) {
  Deno.test(`gaussNewtonGradient() ${kind}: the mean over all signs of B e e^T B^T is the Hessian`, () => {
    const row = [0.3, -0.7, 1.1];
    const K = row.length;
    const targets = kind === "softmaxCrossEntropy" ? denseMatrix(1, 1, [1]) : denseMatrix(1, K);
    const gradientAt = (
      z: number[],
    ) => [...loss(kind, denseMatrix(1, K, z), targets).gradients.data];
    const step = 1e-5;
    const sums = new Float64Array(K * K);
    for (let bits = 0; bits < 2 ** K; bits++) {
      const signs = row.map((_, k) => (bits >> k) & 1 ? 1 : -1);
      const { data: g } = gaussNewtonGradient(
        kind,
        denseMatrix(1, K, row),
        denseMatrix(1, K, signs),
      );
      sums.forEach((_, at) => sums[at] += g[Math.floor(at / K)] * g[at % K] / 2 ** K);
    }
    const hessian = row.flatMap((_, k) => {
      const moved = (by: number) => gradientAt(row.map((z, i) => i === k ? z + by : z));
      const [up, down] = [moved(step), moved(-step)];
      return up.map((value, j) => (value - down[j]) / (2 * step));
    });
    // Central differences: step^2 of truncation, roundoff over step.
    allClose(sums, hessian, { absolute: 1e-9 });
  });
}

Deno.test("loss() stays finite and exact for extreme outputs", () => {
  const label = denseMatrix(1, 1, [0]);
  const softmaxed = loss("softmaxCrossEntropy", denseMatrix(1, 2, [-1000, 1000]), label);
  assert.deepEqual([...softmaxed.losses.data], [2000]);
  assert.deepEqual([...softmaxed.gradients.data], [-1, 1]);
  const bernoulli = loss("sigmoidCrossEntropy", denseMatrix(1, 1, [-1000]), denseMatrix(1, 1, [1]));
  assert.deepEqual([...bernoulli.losses.data], [1000]);
});

Deno.test("sampledLossGradient() takes the last label when the uniform exceeds all sums", () => {
  const z = denseMatrix(1, 2, [0, 0]);
  const g = sampledLossGradient("softmaxCrossEntropy", z, denseMatrix(1, 1, [1]));
  assert.deepEqual([...g.data], [0.5, -0.5]);
});

for (const kind of ["relu", "tanh", "sigmoid"] as const) {
  Deno.test(`activation() ${kind}: the gradient equals central differences`, () => {
    const x = denseMatrix(1, 5, [-2, -0.5, 0.25, 1, 3]);
    const shifted = (shift: number): Float64Array =>
      activation(kind, mapMatrix(x, (value) => value + shift)).data;
    const below = shifted(-STEP);
    const slopes = shifted(STEP).map((above, i) => (above - below[i]) / (2 * STEP));
    const ones = mapMatrix(x, () => 1);
    allClose(activationGradient(kind, activation(kind, x), ones).data, slopes, DIFFERENCE);
  });
}
