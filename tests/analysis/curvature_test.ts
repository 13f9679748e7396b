/** The fitted curvature: as an operator against its own dense form, however it is streamed, kept and refused. */
import assert from "#assert";
import {
  type Curvature,
  curvatureOf,
  type CurvatureSettings,
  loadCurvature,
  saveCurvature,
} from "@tekfac/tekfac/analysis";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { type Matrix, Random } from "@tekfac/tekfac/core";
import { choleskyFactor, type DenseMatrix, denseMatrix, gemm } from "@tekfac/tekfac/linalg";
import {
  type BatchLike,
  conv2d,
  dense,
  flatten,
  objective,
  sequential,
  squaredError,
} from "@tekfac/tekfac/nn";
import { externalModel } from "@tekfac/tekfac/optim";
import { allClose, download, randomNormals } from "@tekfac/tekfac/testing";
import { createReference, problemOf, PROBLEMS } from "./_models.ts";

const METHODS: readonly Pick<CurvatureSettings, "method" | "rank">[] = [
  { method: "tekfac", rank: "full" },
  { method: "ekfac", rank: "full" },
  { method: "tekfac", rank: 2 },
  { method: "tkfac", rank: "full" },
  { method: "kfac", rank: "full" },
  { method: "diagonal", rank: "full" },
];

/** Scratch vectors of a curvature. */
function vectors(backend: Backend, { layers }: Curvature<BatchLike>): Matrix[] {
  return layers.map(({ parameter: { value } }) => backend.scratch(value.rows, value.cols));
}

function flat(backend: Backend, matrices: readonly Matrix[]): number[] {
  return matrices.flatMap((matrix) => [...backend.readSync(matrix)]);
}

function fill(backend: Backend, matrices: readonly Matrix[], numbers: Float64Array): void {
  let at = 0;
  for (const matrix of matrices) {
    const size = matrix.rows * matrix.cols;
    backend.write(matrix, numbers.subarray(at, at += size));
  }
}

function times(matrix: DenseMatrix, x: ArrayLike<number>): Float64Array {
  return gemm(matrix, denseMatrix(x.length, 1, x)).data;
}

/** F + lambda, lambda layer by layer. */
function damped(f: DenseMatrix, { layers }: Curvature<BatchLike>): DenseMatrix {
  const out = denseMatrix(f.rows, f.cols, f.data);
  let at = 0;
  for (const layer of layers) {
    const lambda = layer.lambda();
    for (let i = 0; i < layer.dimension; i++, at++) out.data[at * (f.cols + 1)] += lambda;
  }
  return out;
}

for (const name of PROBLEMS) {
  for (const settings of METHODS) {
    const title = `${settings.method} of rank ${settings.rank}, ${name}`;
    Deno.test(`Curvature is the operator that its dense form is: ${title}`, async () => {
      using backend = createReference();
      using problem = problemOf(backend, name);
      using curvature = await curvatureOf(problem.goal, problem.examples(11, 5), settings);
      assert.deepEqual(curvature.facts.leftOut, []);
      backend.scope(() => {
        const f = download(backend, curvature.toDense());
        const n = curvature.dimension;
        assert.equal(f.rows, n);
        const rounding = 64 * n * 2 ** -53;
        const near = { relative: rounding, absolute: rounding * curvature.trace() };
        const [x, y] = [vectors(backend, curvature), vectors(backend, curvature)];
        const numbers = randomNormals(new Random(7), n);
        fill(backend, x, numbers);

        curvature.multiply(y, x);
        allClose(flat(backend, y), times(f, numbers), near);

        curvature.solve(y, x);
        const g = damped(f, curvature);
        const size = Math.hypot(...numbers);
        allClose(times(g, flat(backend, y)), numbers, { absolute: 1e-9 * size });

        const trace = f.data.reduce((sum, value, i) => i % (n + 1) === 0 ? sum + value : sum, 0);
        allClose([curvature.trace()], [trace], { relative: rounding });

        const factor = choleskyFactor(g)!;
        let logdet = 0;
        for (let i = 0; i < n; i++) logdet += 2 * Math.log(factor.data[i * (n + 1)]);
        allClose([curvature.logdet()], [logdet], { absolute: 1e-9 });

        // A sample s is (F + lambda)^(-1/2) z, so s^T (F + lambda) s = z^T z.
        curvature.sample(y, new Random(9));
        const s = flat(backend, y);
        const z = randomNormalsLike(n, 9);
        const energy = times(g, s).reduce((sum, value, i) => sum + value * s[i], 0);
        allClose([energy], [z.reduce((sum, value) => sum + value ** 2, 0)], { relative: 1e-9 });
      });
    });
  }
}

/** What a sample is drawn from. */
function randomNormalsLike(n: number, seed: number): Float64Array {
  const random = new Random(seed);
  return Float64Array.from({ length: n }, () => random.normal());
}

Deno.test("curvatureOf() does not depend on how the examples are streamed", async () => {
  using backend = createReference();
  using problem = problemOf(backend, "conv2d");
  const data = problem.examples(11, 5);
  const options = { fisher: "empirical" } as const;
  using whole = await curvatureOf(problem.goal, data, options);
  using parts = await curvatureOf(problem.goal, data, { ...options, microBatch: 3 });
  const dense = (curvature: Curvature<BatchLike>) =>
    backend.scope(() => download(backend, curvature.toDense()).data);
  allClose(dense(parts), dense(whole), { absolute: 1e-10 * whole.trace() });
});

Deno.test("curvatureOf() keeps the trace of the Fisher with measured eigenvalues", async () => {
  using backend = createReference();
  using problem = problemOf(backend, "conv2d");
  const data = problem.examples(11, 5);
  using exact = await curvatureOf(problem.goal, data, { fisher: "empirical", method: "diagonal" });
  for (const rank of ["full", 2] as const) {
    using curvature = await curvatureOf(problem.goal, data, { fisher: "empirical", rank });
    allClose([curvature.trace()], [exact.trace()], { relative: 1e-12 });
  }
});

Deno.test("curvatureOf() comes closer to the Gauss-Newton matrix with more draws", async () => {
  using backend = createReference();
  // One output: a sign is its own square, so that one draw is exact.
  using model = sequential(backend, { input: [3], layers: [dense(1)], seed: 1 });
  const goal = objective(model, squaredError());
  const data = {
    inputs: randomNormals(new Random(1), 30),
    targets: randomNormals(new Random(2), 10),
  };
  using one = await curvatureOf(goal, data, { draws: 1 });
  using many = await curvatureOf(goal, data, { draws: 5, seed: 8 });
  allClose([many.trace()], [one.trace()], { relative: 1e-12 });
  using sampled = await curvatureOf(goal, data, { draws: 2000, fisher: "monteCarlo" });
  // Squared normal numbers have deviation sqrt(2): 5 deviations of the mean of 20,000 of them.
  allClose([sampled.trace()], [one.trace()], { relative: 5 * Math.sqrt(2 / 20_000) * 2 });
});

Deno.test("saveCurvature() and loadCurvature() keep every number", async () => {
  using backend = createReference();
  for (const name of PROBLEMS) {
    for (const settings of METHODS) {
      using problem = problemOf(backend, name);
      using curvature = await curvatureOf(problem.goal, problem.examples(11, 5), settings);
      const bytes = await saveCurvature(curvature);
      using again = await loadCurvature(problem.goal, bytes);
      assert.deepEqual(again.facts, curvature.facts);
      assert.deepEqual(
        again.layers.map(({ eigenvalues }) => eigenvalues),
        curvature.layers.map(({ eigenvalues }) => eigenvalues),
      );
      backend.scope(() => {
        const [x, y, z] = [0, 0, 0].map(() => vectors(backend, curvature));
        fill(backend, x, randomNormals(new Random(7), curvature.dimension));
        curvature.solve(y, x);
        again.solve(z, x);
        assert.deepEqual(flat(backend, z), flat(backend, y));
      });
      assert.deepEqual(await saveCurvature(again), bytes);
    }
  }
  assert.equal(backend.memory().handles, 0);
});

Deno.test("loadCurvature() refuses the curvature of another model, and damage", async () => {
  using backend = createReference();
  using problem = problemOf(backend, "dense");
  using curvature = await curvatureOf(problem.goal, problem.examples(11, 5));
  const bytes = await saveCurvature(curvature);
  const held = backend.memory().handles;
  {
    using other = problemOf(backend, "conv2d");
    await assert.rejects(() => loadCurvature(other.goal, bytes), {
      name: "StateError",
      message: /model of/,
    });
    await assert.rejects(() => loadCurvature(problem.goal, bytes.subarray(0, 99)), {
      name: "DataError",
    });
    const flipped = bytes.slice();
    flipped[bytes.length - 5] ^= 1;
    await assert.rejects(() => loadCurvature(problem.goal, flipped), {
      name: "DataError",
      message: /digest/,
    });
  }
  const [{ value }] = problem.goal.parameters;
  backend.axpby(value, 1.5, value, 0);
  const refusal = { name: "StateError", message: /other weights/ };
  await assert.rejects(() => loadCurvature(problem.goal, bytes), refusal);
  await assert.rejects(() => curvature.checkModel("Cannot go on"), refusal);
  assert.equal(backend.memory().handles, held);
});

Deno.test("curvatureOf() says what it cannot do, and leaves nothing behind", async () => {
  using backend = createReference();
  using problem = problemOf(backend, "dense");
  const held = backend.memory().handles;
  const data = problem.examples(4, 5);
  const fit = (options: object, from: BatchLike = data) => () =>
    curvatureOf(problem.goal, from, options);
  await assert.rejects(fit({ method: "tekfak" }), { name: "OptionError", message: /tekfac/ });
  await assert.rejects(fit({ ranks: 3 }), { name: "OptionError", message: /'rank'/ });
  await assert.rejects(fit({ damping: -1 }), { name: "OptionError" });
  await assert.rejects(fit({ microBatch: 0 }), { name: "OptionError" });
  await assert.rejects(fit({}, { inputs: [1, 2, 3], targets: [0] }), { name: "ShapeError" });
  await assert.rejects(fit({}, { inputs: [], targets: [] }), { name: "DataError" });
  await assert.rejects(fit({}, { inputs: [1, 2, 3, NaN], targets: [0] }), { name: "DataError" });

  const abort = new AbortController();
  const phases: string[] = [];
  const onProgress = ({ phase, done }: { phase: string; done: number }) => {
    phases.push(phase);
    if (phase === "eigenvalues" && done === 2) abort.abort(new Error("enough"));
  };
  const slow = fit({ signal: abort.signal, onProgress, microBatch: 2 });
  await assert.rejects(slow, { message: "enough" });
  assert.deepEqual(phases, ["bases", "bases", "eigenvalues"]);
  assert.equal(backend.memory().handles, held);
});

Deno.test("curvatureOf() refuses models without captures, and names what it leaves out", async () => {
  using backend = createReference();
  {
    const parameters = [{ name: "bias", layer: { kind: "other" }, shape: [1, 2] }] as const;
    using model = externalModel(backend, parameters);
    const batch = { examples: 2, loss: 1, gradients: { bias: [1, 2] } };
    await assert.rejects(() => curvatureOf(model, batch), {
      name: "StateError",
      message: /captures/,
    });
  }
  using model = externalModel(backend, [
    { name: "line", layer: { kind: "dense", bias: false }, shape: [1, 2] },
    { name: "bias", layer: { kind: "other" }, shape: [1, 1] },
  ]);
  const batch = {
    examples: 2,
    loss: 1,
    captures: { line: { inputs: [2, 0, 0, 1], outputGradients: [1, 3] } },
    gradients: { bias: [1] },
  };
  using curvature = await curvatureOf(model, [batch, batch], { method: "ekfac" });
  assert.deepEqual(curvature.facts.leftOut, ["bias"]);
  assert.equal(curvature.facts.settings.fisher, "empirical");
  allClose([curvature.trace()], [2 + 4.5], { relative: 1e-12 });
  await assert.rejects(() => curvatureOf(model, batch, { fisher: "gaussNewton" }), {
    name: "OptionError",
  });
});

Deno.test("Curvature refuses a damping of zero where a layer is singular", async () => {
  using backend = createReference();
  using problem = problemOf(backend, "dense");
  using curvature = await curvatureOf(problem.goal, problem.examples(2, 5));
  const zero = { kind: "relative", tau: 0 } as const;
  assert.throws(() => curvature.logdet(zero), { name: "OptionError", message: /dense1.*> 0/s });
  assert(Number.isFinite(curvature.logdet({ kind: "absolute", lambda: 1e-3 })));
});

Deno.test("curvatureOf() fits in float32 what it fits in float64", async () => {
  const traces: number[] = [];
  for (const name of ["reference", "wasm"] as const) {
    using backend = await createBackend({ prefer: [name] });
    const layers = [conv2d(4, { kernel: 3 }), flatten(), dense(3)];
    using model = sequential(backend, { input: [6, 6, 2], layers, seed: 1 });
    const goal = objective(model, squaredError());
    const data = {
      inputs: randomNormals(new Random(1), 20 * 72),
      targets: randomNormals(new Random(2), 60),
    };
    using curvature = await curvatureOf(goal, data, { microBatch: 7 });
    traces.push(curvature.trace(), curvature.logdet());
  }
  allClose(traces.slice(2), traces.slice(0, 2), { relative: 1e-4 });
});
