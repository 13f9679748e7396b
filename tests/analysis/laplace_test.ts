/**
 * Laplace's approximation against Bayesian linear regression in closed form, where it is exact, and against
 * Jacobians by differences elsewhere.
 */
import assert from "#assert";
import { curvatureOf, laplace } from "@tekfac/tekfac/analysis";
import { createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import {
  choleskyFactor,
  choleskySolve,
  type DenseMatrix,
  denseMatrix,
} from "@tekfac/tekfac/linalg";
import {
  conv2d,
  dense,
  flatten,
  huber,
  objective,
  sequential,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import { allClose, download, randomNormals } from "@tekfac/tekfac/testing";
import { createReference, problemOf } from "./_models.ts";

/** `X^T X` scaled, plus a multiple of the identity. */
function normalMatrix(rows: readonly number[][], scale: number, shift: number): DenseMatrix {
  const d = rows[0].length;
  const out = denseMatrix(d, d);
  for (const row of rows) {
    row.forEach((x, i) => row.forEach((y, j) => out.data[i * d + j] += scale * x * y));
  }
  for (let i = 0; i < d; i++) out.data[i * (d + 1)] += shift;
  return out;
}

function logdet(factor: DenseMatrix): number {
  let sum = 0;
  for (let i = 0; i < factor.rows; i++) sum += 2 * Math.log(factor.data[i * (factor.cols + 1)]);
  return sum;
}

for (const over of ["halfSum", "mean"] as const) {
  Deno.test(`laplace() is Bayesian linear regression where the model is linear, errors by ${over}`, async () => {
    using backend = createReference();
    using model = sequential(backend, { input: [3], layers: [dense(1)], seed: 1 });
    const goal = objective(model, squaredError({ over }));
    const [n, sigma, delta] = [12, 0.4, 2];
    const inputs = randomNormals(new Random(1), 3 * n), targets = randomNormals(new Random(2), n);
    const rows = Array.from({ length: n }, (_, i) => [...inputs.slice(3 * i, 3 * i + 3), 1]);
    const precision = choleskyFactor(normalMatrix(rows, 1 / sigma ** 2, delta))!;
    const moment = denseMatrix(4, 1);
    rows.forEach((row, i) => row.forEach((x, j) => moment.data[j] += x * targets[i] / sigma ** 2));
    backend.write(model.parameters[0].value, choleskySolve(precision, moment).data);

    for (const method of ["tekfac", "kfac"] as const) {
      using curvature = await curvatureOf(goal, { inputs, targets }, { method });
      const posterior = await laplace(curvature, { priorPrecision: delta, noise: sigma });
      const query = [0.3, -1, 2, 4, 4, 4];
      const { variances, deviations } = await posterior.predict(query);
      const expected = [[0.3, -1, 2, 1], [4, 4, 4, 1]].map((row) => {
        const solved = choleskySolve(precision, denseMatrix(4, 1, row)).data;
        return row.reduce((sum, x, i) => sum + x * solved[i], 0);
      });
      allClose(variances, expected, { relative: 1e-9 });
      allClose(deviations!, expected.map((v) => Math.sqrt(v + sigma ** 2)), { relative: 1e-9 });

      // log N(y; 0, sigma^2 I + X X^T / delta)
      const cov = denseMatrix(n, n);
      rows.forEach((a, i) =>
        rows.forEach((b, j) => {
          const dot = a.reduce((sum, x, k) => sum + x * b[k], 0);
          cov.data[i * n + j] = dot / delta + (i === j ? sigma ** 2 : 0);
        })
      );
      const factor = choleskyFactor(cov)!;
      const solved = choleskySolve(factor, denseMatrix(n, 1, targets)).data;
      const square = targets.reduce((sum, y, i) => sum + y * solved[i], 0);
      const evidence = -(square + logdet(factor) + n * Math.log(2 * Math.PI)) / 2;
      allClose([posterior.logMarginalLikelihood], [evidence], { relative: 1e-9 });

      // The mean of minus log densities is that of the normal distributions.
      const nll = await posterior.negativeLogLikelihood({ inputs: query, targets: [0, 1] });
      const { outputs } = await posterior.predict(query);
      const by = [0, 1].map((y, i) => {
        const v = expected[i] + sigma ** 2;
        return ((y - outputs[i]) ** 2 / v + Math.log(2 * Math.PI * v)) / 2;
      });
      allClose([nll], [(by[0] + by[1]) / 2], { relative: 1e-9 });
    }
  });
}

Deno.test("laplace() climbs to a maximum of the marginal likelihood", async () => {
  using backend = createReference();
  using model = sequential(backend, { input: [4], layers: [dense(6), tanh(), dense(2)], seed: 2 });
  const goal = objective(model, squaredError());
  const data = {
    inputs: randomNormals(new Random(1), 80),
    targets: randomNormals(new Random(2), 40),
  };
  using curvature = await curvatureOf(goal, data);
  for (const per of ["model", "layer"] as const) {
    const best = await laplace(curvature, { per });
    const { priorPrecision: { dense1, dense2 }, noise, logMarginalLikelihood } = best;
    assert.equal(per === "model", dense1 === dense2);
    if (per === "layer") continue;
    for (const factor of [0.8, 1.25]) {
      const options = [
        { priorPrecision: dense1 * factor, noise: noise! },
        { priorPrecision: dense1, noise: noise! * factor },
      ];
      for (const other of options) {
        const { logMarginalLikelihood: lower } = await laplace(curvature, other);
        assert(lower < logMarginalLikelihood, `${JSON.stringify(other)}: ${lower}`);
      }
    }
  }
  // With one precision per layer the evidence is no lower than with one for all.
  const [shared, own] = [await laplace(curvature), await laplace(curvature, { per: "layer" })];
  assert(own.logMarginalLikelihood > shared.logMarginalLikelihood - 1e-9);
});

Deno.test("laplace() linearises the model in the weights of the layers it is asked for", async () => {
  using backend = createReference();
  const layers = [conv2d(2, { kernel: 2 }), tanh(), flatten(), dense(4), tanh(), dense(3)];
  using model = sequential(backend, { input: [3, 3, 1], layers, seed: 3 });
  const goal = objective(model, softmaxCrossEntropy());
  const random = new Random(5);
  const data = { inputs: randomNormals(random, 90), targets: [0, 1, 2, 0, 1, 2, 0, 1, 2, 0] };
  const query = randomNormals(random, 18);
  for (const rank of ["full", 2] as const) {
    using curvature = await curvatureOf(goal, data, { rank });
    for (const chosen of ["all", "last", ["dense1"]] as const) {
      const delta = 3;
      const posterior = await laplace(curvature, { layers: chosen, priorPrecision: delta });
      const { variances } = await posterior.predict(query);
      const used = curvature.layers.filter(({ name }) =>
        chosen === "all" || (chosen === "last" ? name === "dense2" : name === "dense1")
      );
      assert.deepEqual(Object.keys(posterior.priorPrecision), used.map(({ name }) => name));
      const expected = new Float64Array(6);
      for (const layer of used) {
        const f = backend.scope(() => download(backend, layer.toDense()));
        const size = f.rows;
        for (let i = 0; i < f.data.length; i++) f.data[i] *= 10;
        for (let i = 0; i < size; i++) f.data[i * (size + 1)] += delta;
        const factor = choleskyFactor(f)!;
        const { value } = layer.parameter;
        const weights = Float64Array.from(backend.readSync(value));
        const step = Number.EPSILON ** (1 / 5);
        const jacobian = Array.from(weights, (_, i) => {
          const at = (change: number) => {
            const moved = weights.slice();
            moved[i] += change;
            backend.write(value, moved);
            return goal.predictSync(query);
          };
          const [a, b, c, d] = [1, -1, 2, -2].map((k) => at(k * step));
          return a.map((_, o) => (8 * (a[o] - b[o]) - (c[o] - d[o])) / (12 * step));
        });
        backend.write(value, weights);
        for (let o = 0; o < 6; o++) {
          const row = jacobian.map((column) => column[o]);
          const solved = choleskySolve(factor, denseMatrix(size, 1, row)).data;
          expected[o] += row.reduce((sum, x, i) => sum + x * solved[i], 0);
        }
      }
      allClose(variances, expected, { relative: 1e-8 });
    }
  }
});

Deno.test("laplace() predicts probabilities that its variances make less sure", async () => {
  using backend = createReference();
  for (const loss of [softmaxCrossEntropy(), sigmoidCrossEntropy()]) {
    using model = sequential(backend, {
      input: [2],
      layers: [dense(5), tanh(), dense(3)],
      seed: 3,
    });
    const labels = loss.kind === "softmaxCrossEntropy";
    const data = {
      inputs: randomNormals(new Random(1), 24),
      targets: Array.from({ length: labels ? 12 : 36 }, (_, i) => labels ? i % 3 : i % 2),
    };
    using curvature = await curvatureOf(objective(model, loss), data);
    const sure = await laplace(curvature, { priorPrecision: 1e12 });
    const unsure = await laplace(curvature, { priorPrecision: 0.1 });
    const query = randomNormals(new Random(9), 10);
    const plain = (await sure.predict(query)).probabilities!;
    const probit = (await unsure.predict(query)).probabilities!;
    const drawn = await unsure.predict(query, { kind: "monteCarlo", samples: 20_000, seed: 4 });
    const { outputs } = await sure.predict(query);
    const squashed = [0, 1, 2, 3, 4].flatMap((n) => {
      const z = [...outputs.subarray(3 * n, 3 * n + 3)].map(Math.exp);
      const total = z.reduce((sum, value) => sum + value, 0);
      return z.map((value) => labels ? value / total : value / (1 + value));
    });
    allClose(plain, squashed, { absolute: 1e-6 });
    allClose(probit, drawn.probabilities!, { absolute: 0.05 });
    const entropy = (p: Float64Array) =>
      -p.reduce((sum, x) => sum + x * Math.log(x) + (1 - x) * Math.log(1 - x), 0);
    assert(entropy(probit) > entropy(plain) + 0.01);
  }
});

Deno.test("laplace() takes the precision with which held-out examples are most likely", async () => {
  using backend = createReference();
  using problem = problemOf(backend, "dense");
  using curvature = await curvatureOf(problem.goal, problem.examples(20, 5));
  const data = problem.examples(30, 8);
  const candidates = [0.1, 1, 10, 100];
  const found = await laplace(curvature, {
    priorPrecision: { kind: "validation", data, candidates },
  });
  const losses = await Promise.all(
    candidates.map(async (priorPrecision) =>
      await (await laplace(curvature, { priorPrecision })).negativeLogLikelihood(data)
    ),
  );
  const best = candidates[losses.indexOf(Math.min(...losses))];
  assert.equal(found.priorPrecision.dense1, best);
});

Deno.test("LaplacePosterior draws weights with its covariance", async () => {
  using backend = createReference();
  using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
  const data = {
    inputs: randomNormals(new Random(1), 20),
    targets: randomNormals(new Random(2), 10),
  };
  using curvature = await curvatureOf(objective(model, squaredError()), data);
  const posterior = await laplace(curvature, { priorPrecision: 1, noise: 1 });
  const [{ variances }, random] = [await posterior.predict([1, 2]), new Random(3)];
  let sum = 0;
  const draws = 20_000;
  for (let i = 0; i < draws; i++) {
    backend.scope(() => {
      const w = backend.scratch(1, 3);
      posterior.sample([w], random);
      const [a, b, c] = backend.readSync(w);
      sum += (a + 2 * b + c) ** 2 / draws;
    });
  }
  allClose([sum], [variances[0]], { relative: 5 * Math.sqrt(2 / draws) });
});

Deno.test("laplace() refuses what it cannot use", async () => {
  using backend = await createBackend();
  using problem = problemOf(backend, "dense");
  using curvature = await curvatureOf(problem.goal, problem.examples(9, 5));
  const ask = (options: object) => () => laplace(curvature, options);
  await assert.rejects(ask({ priorPrecision: 0 }), { name: "OptionError", message: /> 0/ });
  await assert.rejects(ask({ prior: 1 }), { name: "OptionError", message: /prior/ });
  await assert.rejects(ask({ noise: 1 }), { name: "OptionError", message: /numbers/ });
  await assert.rejects(ask({ layers: ["dense9"] }), { name: "OptionError" });
  await assert.rejects(ask({ per: "weight" }), { name: "OptionError" });
  using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
  using robust = await curvatureOf(objective(model, huber()), { inputs: [1, 2], targets: [1] });
  await assert.rejects(() => laplace(robust), { name: "StateError", message: /huber/ });
  const posterior = await laplace(curvature);
  await assert.rejects(() => posterior.predict([1, 2, 3]), { name: "ShapeError" });
});
