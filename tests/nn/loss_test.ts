import assert from "#assert";
import { type DenseCapture, Random } from "@tekfac/tekfac/core";
import {
  dense,
  gaussianNll,
  huber,
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
  /** K. @default {3} */
  readonly outputs?: number;
  /** The curvature of signs, where it is not that of draws. */
  readonly ofSigns?: (z: readonly number[]) => number[][];
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
  "softmaxCrossEntropy({ smoothing: 0.3 })": {
    loss: softmaxCrossEntropy({ smoothing: 0.3 }),
    formula: (z, [label]) => {
      const share = (k: number) => 0.7 * Number(k === label) + 0.1;
      return Math.log(sumOf(z.map(Math.exp))) - sumOf(z.map((v, k) => share(k) * v));
    },
    hessian: (z) => {
      const p = softmaxOf(z);
      return p.map((pi, i) => p.map((pj, j) => (i === j ? pi : 0) - pi * pj));
    },
    targets: (random, examples) =>
      Float64Array.from({ length: examples }, () => random.integer(OUTPUTS)),
  },
  "huber({ delta: 0.4 })": huberOf(0.4),
  "huber({ delta: 1.5 })": huberOf(1.5),
  "gaussianNll()": {
    loss: gaussianNll(),
    outputs: 4,
    formula: ([m, n, s, t], [y, x]) =>
      (s + t + (m - y) ** 2 * Math.exp(-s) + (n - x) ** 2 * Math.exp(-t)) / 2,
    hessian: ([, , s, t]) => diagonal([Math.exp(-s), Math.exp(-t), 1 / 2, 1 / 2]),
    targets: (random, examples) =>
      Float64Array.from({ length: 2 * examples }, () => random.normal()),
  },
};

function huberOf(delta: number): LossCase {
  const h = (r: number) => Math.abs(r) <= delta ? r * r / 2 : delta * (Math.abs(r) - delta / 2);
  // P(|r| <= delta) for the density exp(-h), by the midpoint rule.
  let [inside, all] = [0, 0];
  for (let r = -60 + 5e-5; r < 60; r += 1e-4) {
    all += Math.exp(-h(r));
    if (Math.abs(r) <= delta) inside += Math.exp(-h(r));
  }
  return {
    loss: huber({ delta }),
    formula: (z, y) => sumOf(z.map((v, k) => h(v - y[k]))),
    hessian: (z) => diagonal(z.map(() => inside / all)),
    ofSigns: (z) => diagonal(z.map(() => 1)),
    targets: (random, examples) =>
      Float64Array.from({ length: examples * OUTPUTS }, () => 3 * random.normal()),
  };
}

for (const [name, lossCase] of Object.entries(cases)) {
  const { loss, formula, hessian, ofSigns = hessian, targets, outputs = 3 } = lossCase;
  Deno.test(`${name} is its formula, and its mean has the gradients of central differences`, () =>
    onReference((backend) => {
      const random = new Random(11);
      const examples = 5;
      using model = sequential(backend, { input: [2], layers: [dense(outputs)], seed: 5 });
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
          [...z.slice(n * outputs, (n + 1) * outputs)],
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

  for (const from of ["targets", "signs"] as const) {
    Deno.test(`${name} draws ${from} whose gradients have mean 0 and the curvature as covariance`, () =>
      onReference((backend) => {
        const draws = 20_000;
        using model = sequential(backend, { input: [2], layers: [dense(outputs)], seed: 6 });
        const problem = objective(model, loss);
        const random = new Random(12);
        const inputs = Float64Array.from({ length: 2 * draws }, (_, i) => i % 2 === 0 ? 0.9 : -0.4);
        const batch = { inputs, targets: targets(random, draws) };
        const g = backend.scope(() => {
          problem.differentiate(batch, undefined);
          problem.differentiateSampled(random, { from, examples: draws });
          const { outputGradients } = problem.capture(model.parameters[0]) as DenseCapture;
          return Float64Array.from(backend.readSync(outputGradients));
        });

        const z = [...problem.predictSync(inputs.subarray(0, 2))];
        const expected = (from === "signs" ? ofSigns : hessian)(z);
        const columns = expected.map((_, k) => g.filter((_, i) => i % outputs === k));
        columns.forEach((left, i) => {
          assertMean(left, 0, `mean of g_${i}`);
          columns.forEach((right, j) => {
            const products = left.map((value, n) => value * right[n]);
            assertMean(products, expected[i][j], `mean of g_${i} g_${j}`);
          });
        });
      }));
  }
}

/** The mean of independent draws lies within five of its own standard errors of its expectation. */
function assertMean(draws: ArrayLike<number>, expected: number, what: string): void {
  const values = Float64Array.from(draws);
  const mean = values.reduce((a, b) => a + b, 0) / draws.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (draws.length - 1);
  const standardError = Math.sqrt(variance / draws.length);
  // Squares of signs do not vary at all; the midpoint rule errs by less.
  const absolute = 5 * standardError + 1e-9;
  allClose([mean], [expected], { absolute, label: what });
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

const sequences: Record<string, { readonly loss: Loss; readonly mean: boolean }> = {
  "squaredError()": { loss: squaredError(), mean: false },
  'squaredError({ over: "mean" })': { loss: squaredError({ over: "mean" }), mean: true },
  "sigmoidCrossEntropy()": { loss: sigmoidCrossEntropy(), mean: false },
  "huber()": { loss: huber(), mean: false },
  "gaussianNll()": { loss: gaussianNll(), mean: false },
  "softmaxCrossEntropy({ smoothing: 0.1 })": {
    loss: softmaxCrossEntropy({ smoothing: 0.1 }),
    mean: true,
  },
};

for (const [name, { loss, mean }] of Object.entries(sequences)) {
  Deno.test(`${name} of a sequence is the ${mean ? "mean" : "sum"} over its positions`, () =>
    onReference((backend) => {
      const [positions, examples] = [3, 4];
      using model = sequential(backend, { input: [positions, 2], layers: [dense(2)], seed: 5 });
      using plain = sequential(backend, { input: [2], layers: [dense(2)], seed: 5 });
      const random = new Random(3);
      const each = loss.targetShape(2, 2).reduce((a, b) => a * b) / 2;
      const batch = {
        inputs: normal(random, 2 * positions * examples),
        targets: Array.from({ length: positions * examples * each }, () => random.integer(2)),
      };
      const problem = objective(model, loss);
      const losses = backend.scope(() => {
        const scale = 1 / examples;
        return backend.readSync(problem.differentiate(batch, { decay: 0, scale })).slice();
      });
      const ofPositions = backend.scope(() =>
        backend.readSync(objective(plain, loss).losses(batch)).slice()
      );
      const expected = Array.from(losses, (_, n) => {
        const parts = [...ofPositions.slice(n * positions, (n + 1) * positions)];
        return sumOf(parts) / (mean ? positions : 1);
      });
      allClose(losses, expected, { absolute: 64 * Number.EPSILON });
      checkParameterGradient(
        backend,
        model.parameters[0],
        () => problem.evaluateSync(batch).loss,
      );
    }));
}

Deno.test("gaussianNll() refuses an odd number of outputs, and losses name position and example of a target", () =>
  onReference((backend) => {
    using odd = sequential(backend, { input: [2], layers: [dense(3)] });
    assert.throws(
      () => objective(odd, gaussianNll()),
      /Cannot join a model and gaussianNll: expected an even number of outputs.*received 3/,
    );
    using model = sequential(backend, { input: [2, 1], layers: [dense(4)] });
    const targets = [0, 0, 0, 0, 0, 0, NaN, 0];
    assert.throws(
      () => objective(model, gaussianNll()).evaluateSync({ inputs: [1, 2, 3, 4], targets }),
      /target 0 of position 1 of example 1 must be a finite number: received NaN/,
    );
    assert.throws(() => huber({ delta: 0 }), /'delta' must be a finite number > 0/);
    assert.throws(() => softmaxCrossEntropy({ smoothing: 1 }), /'smoothing' must be .* < 1/);
  }));
