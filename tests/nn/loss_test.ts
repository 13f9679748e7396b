import assert from "#assert";
import { type DenseCapture, Random } from "@tekfac/tekfac/core";
import {
  dense,
  type Loss,
  objective,
  sequential,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  squaredError,
} from "@tekfac/tekfac/nn";
import { allClose } from "@tekfac/tekfac/testing";
import { checkParameterGradient, normal, onReference } from "./_harness.ts";

const OUTPUTS = 3;

/** Every loss, what it is at logits `z` by its formula, its Hessian with respect to z, and targets. */
interface LossCase {
  readonly loss: Loss;
  readonly formula: (z: readonly number[], targets: readonly number[]) => number;
  readonly hessian: (z: readonly number[]) => number[][];
  readonly targets: (random: Random, examples: number) => Float64Array;
}

const sigmoidOf = (z: number) => 1 / (1 + Math.exp(-z));
const softmaxOf = (z: readonly number[]) => {
  const powers = z.map(Math.exp);
  const total = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / total);
};
const diagonal = (values: readonly number[]) =>
  values.map((value, i) => values.map((_, j) => i === j ? value : 0));
const uniform = (random: Random, examples: number) =>
  Float64Array.from({ length: examples * OUTPUTS }, () => random.uniform());
const sumOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

const cases: Record<string, LossCase> = {
  "softmaxCrossEntropy()": {
    loss: softmaxCrossEntropy(),
    formula: (z, [label]) => Math.log(sumOf(z.map(Math.exp))) - z[label],
    hessian: (z) => {
      const p = softmaxOf(z);
      return p.map((pi, i) => p.map((pj, j) => (i === j ? pi : 0) - pi * pj));
    },
    targets: (random, examples) =>
      Float64Array.from({ length: examples }, () => random.integer(OUTPUTS)),
  },
  'squaredError({ over: "halfSum" })': {
    loss: squaredError({ over: "halfSum" }),
    formula: (z, y) => sumOf(z.map((v, k) => (v - y[k]) ** 2)) / 2,
    hessian: (z) => diagonal(z.map(() => 1)),
    targets: uniform,
  },
  'squaredError({ over: "mean" })': {
    loss: squaredError({ over: "mean" }),
    formula: (z, y) => sumOf(z.map((v, k) => (v - y[k]) ** 2)) / OUTPUTS,
    hessian: (z) => diagonal(z.map(() => 2 / OUTPUTS)),
    targets: uniform,
  },
  "sigmoidCrossEntropy()": {
    loss: sigmoidCrossEntropy(),
    formula: (z, y) => sumOf(z.map((v, k) => Math.log(1 + Math.exp(v)) - y[k] * v)),
    hessian: (z) => diagonal(z.map((v) => sigmoidOf(v) * (1 - sigmoidOf(v)))),
    targets: uniform,
  },
};

for (const [name, { loss, formula, hessian, targets }] of Object.entries(cases)) {
  Deno.test(`${name} is its formula, and its mean has the gradients of central differences`, () =>
    onReference((backend) => {
      const random = new Random(11);
      const examples = 5;
      using model = sequential(backend, { input: [2], layers: [dense(OUTPUTS)], seed: 5 });
      const problem = objective(model, loss);
      const batch = { inputs: normal(random, 2 * examples), targets: targets(random, examples) };
      const [losses, evaluation] = backend.scope(() => {
        const losses = problem.differentiate(batch, { decay: 0, scale: 1 / examples });
        return [backend.readSync(losses), problem.evaluateSync(batch)];
      });

      const z = problem.predictSync(batch.inputs);
      const each = batch.targets.length / examples;
      const expected = Array.from(losses, (_, n) =>
        formula(
          [...z.slice(n * OUTPUTS, (n + 1) * OUTPUTS)],
          [...batch.targets.slice(n * each, (n + 1) * each)],
        ));
      // A handful of operations on numbers of order 1, each with an error of half an epsilon.
      const absolute = 32 * Number.EPSILON;
      allClose(losses, expected, { absolute, label: "losses" });
      allClose([evaluation.loss], [sumOf(expected) / examples], { absolute, label: "mean loss" });
      checkParameterGradient(
        backend,
        model.parameters[0],
        () => problem.evaluateSync(batch).loss,
      );
    }));

  Deno.test(`${name} draws targets whose gradients have mean 0 and the Hessian as covariance`, () =>
    onReference((backend) => {
      const draws = 20_000;
      using model = sequential(backend, { input: [2], layers: [dense(OUTPUTS)], seed: 6 });
      const problem = objective(model, loss);
      const random = new Random(12);
      const inputs = Float64Array.from({ length: 2 * draws }, (_, i) => i % 2 === 0 ? 0.9 : -0.4);
      const batch = { inputs, targets: targets(random, draws) };
      const g = backend.scope(() => {
        problem.differentiate(batch, undefined);
        problem.differentiateSampled(random, { from: "targets", examples: draws });
        const { outputGradients } = problem.capture(model.parameters[0]) as DenseCapture;
        return Float64Array.from(backend.readSync(outputGradients));
      });

      const z = [...problem.predictSync(inputs.subarray(0, 2))];
      const expected = hessian(z);
      const columns = expected.map((_, k) => g.filter((_, i) => i % OUTPUTS === k));
      columns.forEach((left, i) => {
        assertMean(left, 0, `mean of g_${i}`);
        columns.forEach((right, j) => {
          const products = left.map((value, n) => value * right[n]);
          assertMean(products, expected[i][j], `mean of g_${i} g_${j}`);
        });
      });
    }));
}

/** The mean of independent draws lies within five of its own standard errors of its expectation. */
function assertMean(draws: ArrayLike<number>, expected: number, what: string): void {
  const values = Float64Array.from(draws);
  const mean = values.reduce((a, b) => a + b, 0) / draws.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (draws.length - 1);
  const standardError = Math.sqrt(variance / draws.length);
  allClose([mean], [expected], { absolute: 5 * standardError, label: what });
}

Deno.test("squaredError() rejects an unknown option and an unknown choice with the nearest one", () => {
  assert.throws(
    () => squaredError({ ovr: "mean" } as never),
    /did you mean 'over'\?: received 'mean'/,
  );
  assert.throws(
    () => squaredError({ over: "means" as "mean" }),
    /Cannot create squaredError: 'over' must be one of 'halfSum', 'mean' \(did you mean 'mean'\?\)/,
  );
});

Deno.test("Loss.drawNoise() draws float32 numbers, uniform ones below 1", () => {
  const random = new Random(3);
  const uniforms = softmaxCrossEntropy().drawNoise(random, 10_000);
  assert.ok(uniforms.every((u) => u >= 0 && u < 1));
  assertMean(uniforms, 0.5, "uniforms");
  const normals = squaredError().drawNoise(random, 10_000);
  assertMean(normals, 0, "normals");
  assertMean(normals.map((v) => v * v), 1, "squares of normals");
});

Deno.test("Loss.countCorrect() counts the first largest output, and exists for classifiers only", () => {
  const { countCorrect } = softmaxCrossEntropy();
  assert.equal(countCorrect!([0, 1, 1, 5, 2, 3], [1, 0]), 2);
  assert.equal(countCorrect!([0, 1, 1, 5, 2, 3], [2, 2]), 0);
  assert.equal(squaredError().countCorrect, undefined);
  assert.equal(sigmoidCrossEntropy().countCorrect, undefined);
});
