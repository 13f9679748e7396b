/**
 * The marginal likelihood against closed forms: Bayesian linear regression, where it is exact, and the dense integral of
 * the quadratic model elsewhere.
 */
import assert from "#assert";
import { curvatureOf, laplace } from "@tekfac/tekfac/analysis";
import { Random } from "@tekfac/tekfac/core";
import {
  choleskyFactor,
  choleskySolve,
  type DenseMatrix,
  denseMatrix,
} from "@tekfac/tekfac/linalg";
import { dense, objective, sequential, squaredError, tanh } from "@tekfac/tekfac/nn";
import { allClose, download, randomNormals } from "@tekfac/tekfac/testing";
import { createReference, problemOf, PROBLEMS } from "./_models.ts";

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
    // Least squares, which know of no prior.
    const moment = denseMatrix(4, 1);
    rows.forEach((row, i) => row.forEach((x, j) => moment.data[j] += x * targets[i]));
    const plain = choleskyFactor(normalMatrix(rows, 1, 0))!;
    backend.write(model.parameters[0].value, choleskySolve(plain, moment).data);

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

for (const name of PROBLEMS) {
  Deno.test(`laplace() integrates the quadratic model: ${name}`, async () => {
    using backend = createReference();
    using problem = problemOf(backend, name);
    const [n, delta] = [9, 0.7];
    const data = problem.examples(n, 5);
    const numbers = name === "batchNorm";
    const sigma = 0.8;
    const settings = [{ rank: "full" }, { rank: 2 }, { method: "kfac" }] as const;
    for (const options of settings) {
      using curvature = await curvatureOf(problem.goal, data, options);
      const posterior = await laplace(curvature, {
        priorPrecision: delta,
        ...numbers ? { noise: sigma } : {},
      });
      // Squared errors of this loss are halved sums: the variance in its own unit is 1.
      const scale = numbers ? n / sigma ** 2 : n;
      let expected = -scale * curvature.facts.loss;
      if (numbers) expected -= n * 2 / 2 * Math.log(2 * Math.PI * sigma ** 2);
      for (const layer of curvature.layers) {
        const a = backend.scope(() => download(backend, layer.toDense()));
        const size = a.rows;
        a.data.forEach((value, i) => a.data[i] = scale * value);
        const weights = Float64Array.from(backend.readSync(layer.parameter.value));
        const aw = weights.map((_, i) =>
          weights.reduce((sum, w, j) => sum + a.data[i * size + j] * w, 0)
        );
        const sum = denseMatrix(size, size, a.data);
        for (let i = 0; i < size; i++) sum.data[i * (size + 1)] += delta;
        const factor = choleskyFactor(sum)!;
        const solved = choleskySolve(factor, denseMatrix(size, 1, aw)).data;
        // log int exp(-(u - w)^T A (u - w) / 2) N(u; 0, 1 / delta) du, completed to a square.
        weights.forEach((w, i) => expected -= aw[i] * (w - solved[i]) / 2);
        expected -= (logdet(factor) - size * Math.log(delta)) / 2;
      }
      allClose([posterior.logMarginalLikelihood], [expected], { relative: 1e-9 });
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
