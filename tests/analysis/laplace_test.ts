/**
 * Laplace's approximation against Jacobians by differences and dense inverses.
 */
import assert from "#assert";
import { type Curvature, curvatureOf, laplace, type LayerCurvature } from "@tekfac/tekfac/analysis";
import { createBackend } from "@tekfac/tekfac/backend";
import { type Matrix, Random } from "@tekfac/tekfac/core";
import { choleskyFactor, choleskySolve, denseMatrix } from "@tekfac/tekfac/linalg";
import {
  type BatchLike,
  conv2d,
  dense,
  flatten,
  huber,
  type ModelObjective,
  objective,
  sequential,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import { allClose, download, randomNormals } from "@tekfac/tekfac/testing";
import { createReference, problemOf } from "./_models.ts";

/** Rows of the Jacobian of all outputs at queries in a layer's weights, by differences: [N K][weights]. */
function jacobianOf(goal: ModelObjective, value: Matrix, query: readonly number[]): number[][] {
  const { backend } = goal;
  const weights = Float64Array.from(backend.readSync(value));
  const step = Number.EPSILON ** (1 / 5);
  const columns = Array.from(weights, (_, i) => {
    const at = (change: number) => {
      backend.write(value, weights.with(i, weights[i] + change));
      return goal.predictSync(query);
    };
    const [a, b, c, d] = [1, -1, 2, -2].map((k) => at(k * step));
    return a.map((_, o) => (8 * (a[o] - b[o]) - (c[o] - d[o])) / (12 * step));
  });
  backend.write(value, weights);
  return Array.from(columns[0], (_, o) => columns.map((column) => column[o]));
}

/** `J_a (N F + delta)^-1 J_b^T` of each two outputs of all queries, summed over layers: [N K, N K]. */
function covarianceOf(
  curvature: Curvature<BatchLike>,
  layers: readonly LayerCurvature[],
  { query, delta }: { readonly query: readonly number[]; readonly delta: number },
): number[][] {
  const { backend, facts } = curvature;
  const goal = curvature.objective as ModelObjective;
  const parts = layers.map((layer) => {
    const f = backend.scope(() => download(backend, layer.toDense()));
    const size = f.rows;
    for (let i = 0; i < f.data.length; i++) f.data[i] *= facts.examples;
    for (let i = 0; i < size; i++) f.data[i * (size + 1)] += delta;
    const factor = choleskyFactor(f)!;
    const rows = jacobianOf(goal, layer.parameter.value, query);
    const solved = rows.map((row) => choleskySolve(factor, denseMatrix(size, 1, row)).data);
    return rows.map((row) => solved.map((x) => row.reduce((sum, g, i) => sum + g * x[i], 0)));
  });
  return parts[0].map((row, a) =>
    row.map((_, b) => parts.reduce((sum, part) => sum + part[a][b], 0))
  );
}

Deno.test("laplace() linearises the model in the weights of the layers it is asked for", async () => {
  using backend = createReference();
  const layers = [conv2d(2, { kernel: 2 }), tanh(), flatten(), dense(4), tanh(), dense(3)];
  using model = sequential(backend, { input: [3, 3, 1], layers, seed: 3 });
  const goal = objective(model, softmaxCrossEntropy());
  const random = new Random(5);
  const data = { inputs: randomNormals(random, 90), targets: [0, 1, 2, 0, 1, 2, 0, 1, 2, 0] };
  const query = [...randomNormals(random, 18)];
  for (const settings of [{ rank: "full" }, { rank: 2 }, { method: "diagonal" }] as const) {
    using curvature = await curvatureOf(goal, data, settings);
    for (const chosen of ["all", "last", ["dense1"]] as const) {
      const delta = 3;
      const posterior = await laplace(curvature, { layers: chosen, priorPrecision: delta });
      const used = curvature.layers.filter(({ name }) =>
        chosen === "all" || (chosen === "last" ? name === "dense2" : name === "dense1")
      );
      assert.deepEqual(Object.keys(posterior.priorPrecision), used.map(({ name }) => name));
      const covariance = covarianceOf(curvature, used, { query, delta });
      const expected = covariance.map((row, i) => row[i]);
      const near = { relative: 1e-8 };
      const { variances, outputs, probabilities } = await posterior.predict(query);
      allClose(variances, expected, near);

      // The mean variance of two outputs' difference, over classes and in the unit of one difference of two.
      const tempered = [0, 1].flatMap((n) => {
        let sum = 0;
        for (let a = 0; a < 3; a++) {
          for (let b = 0; b < a; b++) {
            const [i, j] = [3 * n + a, 3 * n + b];
            sum += covariance[i][i] + covariance[j][j] - 2 * covariance[i][j];
          }
        }
        const scale = Math.sqrt(1 + Math.PI * sum / (3 - 1) ** 2 / 8);
        const z = [...outputs.subarray(3 * n, 3 * n + 3)].map((f) => Math.exp(f / scale));
        return z.map((value) => value / (z[0] + z[1] + z[2]));
      });
      allClose(probabilities!, tempered, near);

      // Drawn ones, against draws of the covariance's own root.
      const samples = 20_000;
      const drawn = await posterior.predict(query, { kind: "monteCarlo", samples, seed: 4 });
      allClose(drawn.variances, expected, near);
      const means = new Float64Array(6);
      for (let n = 0; n < 2; n++) {
        const own = denseMatrix(
          3,
          3,
          [0, 1, 2].flatMap((a) => covariance[3 * n + a].slice(3 * n, 3 * n + 3)),
        );
        const { data: root } = choleskyFactor(own)!;
        for (let s = 0; s < samples; s++) {
          const noise = randomNormals(random, 3);
          const z = [0, 1, 2].map((a) =>
            Math.exp(
              outputs[3 * n + a] +
                noise.slice(0, a + 1).reduce((sum, x, b) => sum + root[3 * a + b] * x, 0),
            )
          );
          z.forEach((value, a) => means[3 * n + a] += value / (z[0] + z[1] + z[2]) / samples);
        }
      }
      // A probability varies by at most 1/2.
      allClose(drawn.probabilities!, means, { absolute: 5 * Math.sqrt(2 / samples) / 2 });
      // The closed form is near the integral.
      allClose(probabilities!, means, { absolute: 0.05 });
    }
  }
});

Deno.test("laplace() predicts probabilities that its variances make less sure", async () => {
  using backend = createReference();
  for (const loss of [softmaxCrossEntropy(), sigmoidCrossEntropy()]) {
    using model = sequential(backend, {
      input: [2],
      layers: [dense(5), tanh(), dense(2)],
      seed: 3,
    });
    const last = model.parameters[1].value;
    backend.axpby(last, 3, last, 0);
    const labels = loss.kind === "softmaxCrossEntropy";
    const data = {
      inputs: randomNormals(new Random(1), 24),
      targets: Array.from({ length: labels ? 12 : 24 }, (_, i) => i % 2),
    };
    using curvature = await curvatureOf(objective(model, loss), data);
    const sure = await laplace(curvature, { priorPrecision: 1e12 });
    const unsure = await laplace(curvature, { priorPrecision: 0.1 });
    const query = randomNormals(new Random(9), 10);
    const plain = (await sure.predict(query)).probabilities!;
    const { outputs, variances, probabilities: probit } = await unsure.predict(query);
    const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));
    const squashed = [0, 1, 2, 3, 4].flatMap((n) => {
      const [a, b] = outputs.subarray(2 * n, 2 * n + 2);
      return labels ? [sigmoid(a - b), sigmoid(b - a)] : [sigmoid(a), sigmoid(b)];
    });
    allClose(plain, squashed, { absolute: 1e-6 });
    const kind = "monteCarlo";
    const drawn = await unsure.predict(query, { kind, samples: 20_000, seed: 4 });
    // MacKay's sigmoid is that close to the integral.
    allClose(probit!, drawn.probabilities!, { absolute: 0.02 });
    if (!labels) {
      allClose(
        probit!,
        outputs.map((f, i) => sigmoid(f / Math.sqrt(1 + Math.PI * variances[i] / 8))),
        { relative: 1e-12 },
      );
    }
    const entropy = (p: Float64Array) =>
      -p.reduce((sum, x) => sum + x * Math.log(x) + (1 - x) * Math.log(1 - x), 0);
    assert(entropy(probit!) > entropy(plain) + 0.01);
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

Deno.test("laplace() takes the noise with which held-out examples are most likely", async () => {
  using backend = createReference();
  using problem = problemOf(backend, "batchNorm");
  using curvature = await curvatureOf(problem.goal, problem.examples(20, 5));
  const data = problem.examples(30, 8);
  for (const layers of ["last", "all"] as const) {
    const priorPrecision = { kind: "validation", data, candidates: [0.3, 3, 30] } as const;
    const found = await laplace(curvature, { layers, priorPrecision });
    const { noise, priorPrecision: { dense1: delta } } = found;
    assert(priorPrecision.candidates.some((candidate) => candidate === delta), `${delta}`);
    const least = await found.negativeLogLikelihood(data);
    // All deviations scaled by one number: the noise's share of them stays.
    for (const scale of [0.97, 1.03]) {
      const options = { layers, priorPrecision: delta / scale ** 2, noise: noise! * scale };
      const other = await laplace(curvature, options);
      assert(await other.negativeLogLikelihood(data) > least, `${layers}, ${scale}`);
    }
    // What is said of the noise holds.
    const [given, evidence] = await Promise.all([
      laplace(curvature, { layers, priorPrecision, noise: 0.5 }),
      laplace(curvature, { layers, priorPrecision, noise: "marginalLikelihood" }),
    ]);
    assert.equal(given.noise, 0.5);
    assert.equal(evidence.noise, (await laplace(curvature, { layers })).noise);
  }
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
