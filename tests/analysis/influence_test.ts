/**
 * Influence against its definition: single examples' gradients by differences of the loss, and inverses by Cholesky
 * of the dense form, in float64; and against what leaving an example out does to a linear model.
 */
import assert from "#assert";
import {
  type Curvature,
  curvatureOf,
  type CurvatureSettings,
  influence,
  type InverseDamping,
  selfInfluence,
} from "@tekfac/tekfac/analysis";
import { createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import {
  choleskyFactor,
  choleskySolve,
  type DenseMatrix,
  denseMatrix,
} from "@tekfac/tekfac/linalg";
import {
  type BatchLike,
  conv2d,
  dense,
  flatten,
  objective,
  sequential,
  softmaxCrossEntropy,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import { allClose, download, randomNormals } from "@tekfac/tekfac/testing";
import {
  createReference,
  exampleOf,
  gradientsOf,
  type Problem,
  problemOf,
  PROBLEMS,
} from "./_models.ts";

const METHODS: readonly Pick<CurvatureSettings, "method" | "rank">[] = [
  { method: "tekfac", rank: "full" },
  { method: "ekfac", rank: 2 },
  { method: "kfac", rank: "full" },
  { method: "diagonal", rank: "full" },
];

/** `g_q^T (F_l + lambda_l)^-1 g_i` of every layer, [queries][examples][layers]. */
function products(
  curvature: Curvature<BatchLike>,
  queries: readonly Float64Array[][],
  examples: readonly Float64Array[][],
): number[][][] {
  const { backend, layers } = curvature;
  const factors = layers.map((layer): DenseMatrix => {
    const f = backend.scope(() => download(backend, layer.toDense()));
    for (let i = 0; i < f.rows; i++) f.data[i * (f.cols + 1)] += layer.lambda();
    return choleskyFactor(f)!;
  });
  return queries.map((query) => {
    const solved = query.map((g, l) => choleskySolve(factors[l], denseMatrix(g.length, 1, g)).data);
    return examples.map((example) =>
      example.map((g, l) => g.reduce((sum, value, i) => sum + value * solved[l][i], 0))
    );
  });
}

const gradients = (problem: Problem, batch: BatchLike, count: number) =>
  Array.from({ length: count }, (_, n) => gradientsOf(problem, exampleOf(batch, n, problem.sizes)));

const sum = (numbers: readonly number[]) => numbers.reduce((total, value) => total + value, 0);

for (const name of PROBLEMS) {
  Deno.test(`influence() and selfInfluence() are their definitions: ${name}`, async () => {
    using backend = createReference();
    using problem = problemOf(backend, name);
    const [train, queries] = [problem.examples(7, 5), problem.examples(3, 6)];
    const [g, h] = [gradients(problem, train, 7), gradients(problem, queries, 3)];
    for (const settings of METHODS) {
      using curvature = await curvatureOf(problem.goal, train, settings);
      const expected = products(curvature, h, g);
      const options = { train, queries, scores: true, perLayer: true, microBatch: 3 } as const;
      const { scores, layers } = await influence(curvature, { ...options, queryRank: "full" });
      const flat = expected.flat().map((parts) => -sum(parts));
      const scale = Math.max(...flat.map(Math.abs));
      const near = { absolute: 1e-9 * scale };
      allClose(scores!, flat, near);
      curvature.layers.forEach(({ name }, l) => {
        allClose(layers![name], expected.flat().map((parts) => -parts[l]), near);
      });

      const own = await selfInfluence(curvature, { train, microBatch: 2 });
      const all = products(curvature, g, g).map((row, i) => sum(row[i]));
      allClose(own, all, { absolute: 1e-9 * Math.max(...all) });

      const [last] = curvature.layers.slice(-1);
      const one = await influence(curvature, {
        ...options,
        queryRank: "full",
        layers: [last.name],
      });
      allClose(one.scores!, layers![last.name], { absolute: 1e-6 * scale });
    }
    assert.equal(
      backend.memory().handles,
      2 * problem.goal.parameters.length + Object.keys(problem.goal.state).length,
    );
  });
}

Deno.test("selfInfluence() takes so many examples at a time as gradients have room", async () => {
  using backend = await createBackend();
  const layers = [conv2d(64, { kernel: 3 }), flatten(), dense(2)];
  using model = sequential(backend, { input: [4, 4, 64], layers, seed: 1 });
  const [n, random] = [130, new Random(1)];
  const train = {
    inputs: randomNormals(random, n * 4 * 4 * 64),
    targets: Array.from({ length: n }, (_, i) => i % 2),
  };
  using curvature = await curvatureOf(objective(model, softmaxCrossEntropy()), train);
  const [few, many] = [
    await selfInfluence(curvature, { train, microBatch: 10 }),
    await selfInfluence(curvature, { train, microBatch: n }),
  ];
  allClose(many, few, { relative: 2 ** -16 });
});

Deno.test("influence() and selfInfluence() by batches are those of one example at a time", async () => {
  using backend = await createBackend({ prefer: ["wasm"] });
  const layers = [
    conv2d(6, { kernel: 2, groups: 3 }),
    tanh(),
    flatten(),
    dense(20),
    tanh(),
    dense(4),
  ];
  using model = sequential(backend, { input: [4, 4, 3], layers, seed: 1 });
  const random = new Random(1);
  const batch = (n: number): BatchLike => ({
    inputs: randomNormals(random, n * 48),
    targets: Array.from({ length: n }, (_, i) => i % 4),
  });
  const [train, queries] = [batch(40), batch(7)];
  for (const rank of ["full", 5] as const) {
    using curvature = await curvatureOf(objective(model, softmaxCrossEntropy()), train, { rank });
    const by = async (microBatch: number) => ({
      own: await selfInfluence(curvature, { train, microBatch }),
      scores: (await influence(curvature, { train, queries, scores: true, microBatch })).scores!,
    });
    const [single, joint] = [await by(1), await by(40)];
    allClose(joint.own, single.own, { relative: 2 ** -14 });
    const largest = single.scores.reduce((most, score) => Math.max(most, Math.abs(score)), 0);
    allClose(joint.scores, single.scores, { absolute: 2 ** -14 * largest });
  }
});

Deno.test("influence() on a linear model is what leaving an example out begins to do", async () => {
  using backend = createReference();
  using model = sequential(backend, { input: [3], layers: [dense(1)], seed: 1 });
  const goal = objective(model, squaredError());
  const [n, d] = [20, 4];
  const inputs = randomNormals(new Random(1), 3 * n), targets = randomNormals(new Random(2), n);
  const rows = Array.from({ length: n }, (_, i) => [...inputs.slice(3 * i, 3 * i + 3), 1]);
  /** Least squares with weights, by the normal equations. */
  const fit = (weights: readonly number[]): Float64Array => {
    const [a, b] = [denseMatrix(d, d), denseMatrix(d, 1)];
    rows.forEach((row, i) =>
      row.forEach((x, j) => {
        b.data[j] += weights[i] * x * targets[i];
        row.forEach((y, k) => a.data[j * d + k] += weights[i] * x * y);
      })
    );
    return choleskySolve(choleskyFactor(a)!, b).data;
  };
  const ones = rows.map(() => 1);
  backend.write(model.parameters[0].value, fit(ones));
  const query = { inputs: [0.3, -1, 2], targets: [0.7] };
  const loss = (w: Float64Array): number => {
    const error = w[0] * 0.3 - w[1] + w[2] * 2 + w[3] - 0.7;
    return error ** 2 / 2;
  };
  const h = 1e-4;
  const expected = rows.map((_, i) => {
    const at = (change: number) => loss(fit(ones.with(i, 1 + change)));
    return n * (at(h) - at(-h)) / (2 * h);
  });
  for (const method of ["tekfac", "ekfac", "tkfac", "kfac"] as const) {
    const zero = { kind: "absolute", lambda: 0 } as const;
    using curvature = await curvatureOf(goal, { inputs, targets }, { method, damping: zero });
    const options = { train: { inputs, targets }, queries: query, scores: true } as const;
    const { scores } = await influence(curvature, options);
    allClose(scores!, expected, { relative: 1e-6, absolute: 1e-6 });
  }
});

Deno.test("influence() streams its queries in groups and names the best", async () => {
  using backend = createReference();
  using problem = problemOf(backend, "dense");
  const [train, queries] = [problem.examples(23, 5), problem.examples(4, 6)];
  using curvature = await curvatureOf(problem.goal, train);
  const progress: string[] = [];
  const { helpful, harmful, scores, examples } = await influence(curvature, {
    train,
    queries,
    scores: true,
    top: 4,
    microBatch: 5,
    onProgress: ({ phase, done, total }) => void progress.push(`${phase} ${done}/${total}`),
  });
  assert.deepEqual([examples, helpful.length, harmful.length], [23, 4, 4]);
  for (let q = 0; q < 4; q++) {
    const row = [...scores!.subarray(23 * q, 23 * (q + 1))];
    const order = row.map((_, i) => i).sort((i, j) => row[i] - row[j]);
    assert.deepEqual(helpful[q].map(({ example }) => example), order.slice(0, 4));
    assert.deepEqual(harmful[q].map(({ example }) => example), order.reverse().slice(0, 4));
    allClose(helpful[q].map(({ score }) => score), [...row].sort((a, b) => a - b).slice(0, 4), {
      relative: 1e-6,
    });
  }
  assert.equal(progress.at(-1), "scores 23/23");
});

Deno.test("influence() of products of rank k comes as close as the rank allows", async () => {
  const random = new Random(1);
  const batch = (count: number) => ({
    inputs: Float64Array.from({ length: 40 * count }, () => random.normal()),
    targets: Array.from({ length: count }, () => random.integer(5)),
  });
  const [train, queries] = [batch(60), batch(5)];
  for (const prefer of ["reference", "wasm"] as const) {
    using backend = await createBackend({ prefer: [prefer] });
    const layers = [dense(48), tanh(), dense(5)];
    using model = sequential(backend, { input: [40], layers, seed: 1 });
    using curvature = await curvatureOf(objective(model, softmaxCrossEntropy()), train);
    const error = async (queryRank: number, damping: InverseDamping) => {
      const options = { train, queries, scores: true, damping } as const;
      const whole = (await influence(curvature, { ...options, queryRank: "full" })).scores!;
      const thin = (await influence(curvature, { ...options, queryRank })).scores!;
      return Math.hypot(...thin.map((x, i) => x - whole[i])) / Math.hypot(...whole);
    };
    const damping = { kind: "relative", tau: 0.1 } as const;
    const errors = [await error(2, damping), await error(8, damping), await error(16, damping)];
    assert(errors[1] < errors[0] && errors[2] < errors[1] && errors[2] < 0.05, `${errors}`);
    // With much damping a preconditioned gradient is the gradient itself, of rank one.
    const exact = await error(2, { kind: "relative", tau: 1e9 });
    assert(exact < 1e3 * 2 ** -24, `${exact}`);
  }
});

Deno.test("influence() refuses what it cannot use, and can be aborted", async () => {
  using backend = createReference();
  using problem = problemOf(backend, "dense");
  const [train, queries] = [problem.examples(9, 5), problem.examples(4, 6)];
  using curvature = await curvatureOf(problem.goal, train);
  const held = backend.memory().handles;
  const ask = (options: object) => () => influence(curvature, { train, queries, ...options });
  await assert.rejects(ask({ layers: ["dense7"] }), { name: "OptionError", message: /dense1/ });
  await assert.rejects(ask({ topp: 3 }), { name: "OptionError", message: /'top'/ });
  await assert.rejects(ask({ damping: 0 }), { name: "OptionError", message: /singular/ });
  await assert.rejects(ask({ train: { inputs: [1], targets: [1] } }), { name: "ShapeError" });
  const signal = AbortSignal.abort(new Error("no time"));
  await assert.rejects(ask({ signal }), { message: "no time" });
  await assert.rejects(() => selfInfluence(curvature, { train, signal }), { message: "no time" });
  const [{ value }] = problem.goal.parameters;
  backend.axpby(value, 1.5, value, 0);
  await assert.rejects(ask({}), { name: "StateError", message: /other weights/ });
  assert.equal(backend.memory().handles, held);
});
