/** Pruning and cutting against dense algebra in float64, and against magnitudes on a trained network. */
import assert from "#assert";
import { compress, curvatureOf, prune } from "@tekfac/tekfac/analysis";
import { createBackend } from "@tekfac/tekfac/backend";
import { batches, glyphs } from "@tekfac/tekfac/data";
import {
  choleskyFactor,
  choleskySolve,
  type DenseMatrix,
  denseMatrix,
} from "@tekfac/tekfac/linalg";
import {
  batchNorm2d,
  conv2d,
  dense,
  flatten,
  mlp,
  objective,
  relu,
  sequential,
  softmaxCrossEntropy,
  squaredError,
} from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";
import { Random } from "@tekfac/tekfac/core";
import { allClose, download, randomNormals } from "@tekfac/tekfac/testing";
import { createReference, problemOf } from "./_models.ts";

/** The rows and columns of some indices. */
function part(f: DenseMatrix, rows: readonly number[], cols: readonly number[]): DenseMatrix {
  const numbers = rows.flatMap((i) => cols.map((j) => f.data[i * f.cols + j]));
  return denseMatrix(rows.length, cols.length, numbers);
}

for (const unit of ["weights", "channels"] as const) {
  Deno.test(`prune() leaves out the least ${unit} by the inverse, and the others make up for them`, async () => {
    using backend = createReference();
    using problem = problemOf(backend, "conv2d");
    const { goal } = problem;
    using curvature = await curvatureOf(goal, problem.examples(40, 5), { method: "ekfac" });
    const [layer] = curvature.layers;
    const { value } = layer.parameter;
    const f = backend.scope(() => download(backend, layer.toDense()));
    for (let i = 0; i < f.rows; i++) f.data[i * (f.cols + 1)] += layer.lambda();
    const factor = choleskyFactor(f)!;
    const w = Float64Array.from(backend.readSync(value));
    const all = Array.from(w, (_, i) => i);
    const isBias = (i: number) => i % value.cols === value.cols - 1;
    const groups = unit === "channels"
      ? Array.from(
        { length: value.rows },
        (_, r) => all.filter((i) => Math.floor(i / value.cols) === r),
      )
      : all.filter((i) => !isBias(i)).map((i) => [i]);
    // 1/2 w_S^T [(F + lambda)^-1_SS]^-1 w_S
    const rises = groups.map((group) => {
      const units = denseMatrix(f.rows, group.length);
      group.forEach((i, j) => units.data[i * group.length + j] = 1);
      const inverse = part(choleskySolve(factor, units), group, group.map((_, j) => j));
      const own = denseMatrix(group.length, 1, group.map((i) => w[i]));
      const solved = choleskySolve(choleskyFactor(inverse)!, own).data;
      return group.reduce((sum, i, j) => sum + w[i] * solved[j], 0) / 2;
    });
    const share = unit === "channels" ? 1 / 3 : 1 / 2;
    const order = rises.map((_, g) => g).sort((a, b) => rises[a] - rises[b]);
    const gone = new Set(
      order.slice(0, Math.round(share * order.length)).flatMap((g) => groups[g]),
    );
    const { kept, predictedRise } = await prune(curvature, { share, unit, layers: [layer.name] });
    const mask = kept[layer.name];
    all.forEach((i) => {
      const stays = mask[unit === "channels" ? Math.floor(i / value.cols) : i] === 1;
      assert.equal(stays, !gone.has(i));
    });
    const rest = all.filter((i) => !gone.has(i));
    const out = [...gone].sort((a, b) => a - b);
    // (F + lambda)_RR d_R = (F + lambda)_RS w_S
    const pull = part(f, rest, out);
    const right = rest.map((_, i) =>
      out.reduce((sum, s, j) => sum + pull.data[i * out.length + j] * w[s], 0)
    );
    const moved =
      choleskySolve(choleskyFactor(part(f, rest, rest))!, denseMatrix(rest.length, 1, right)).data;
    const expected = w.slice();
    out.forEach((i) => expected[i] = 0);
    rest.forEach((i, j) => expected[i] += moved[j]);
    const now = backend.readSync(value);
    allClose(now, expected, { absolute: 1e-7 });
    for (const i of out) assert.equal(now[i], 0);
    const change = expected.map((x, i) => x - w[i]);
    const bare = backend.scope(() => download(backend, layer.toDense()));
    let rise = 0;
    for (let i = 0; i < f.rows; i++) {
      for (let j = 0; j < f.cols; j++) {
        rise += change[i] * bare.data[i * f.cols + j] * change[j] / 2;
      }
    }
    allClose([predictedRise], [rise], { relative: 1e-6 });
  });
}

Deno.test("prune() of directions takes those of least eigenvalue times square", async () => {
  using backend = createReference();
  using problem = problemOf(backend, "dense");
  using curvature = await curvatureOf(problem.goal, problem.examples(40, 5));
  const whole = problem.goal.parameters.map(({ value }) => [...backend.readSync(value)]);
  const { kept, predictedRise } = await prune(curvature, { share: 0.5, unit: "directions" });
  const masks = Object.values(kept).flatMap((mask) => [...mask]);
  assert.equal(masks.filter((one) => one === 0).length, Math.round(masks.length / 2));
  // No other half of the directions would cost less: the rise is the sum of the least halves.
  const rises = curvature.layers.flatMap((layer, l) => {
    const { basis, eigenvalues } = layer.block.eigenbasis!;
    return backend.scope(() => {
      const { rows, cols } = layer.parameter.value;
      const [x, y] = [backend.scratch(rows, cols), backend.scratch(rows, cols)];
      backend.write(x, whole[l]);
      backend.rotateInto(y, x, basis!);
      const theta = backend.readSync(eigenvalues);
      return Array.from(backend.readSync(y), (w, i) => theta[i] * w * w / 2);
    });
  }).sort((a, b) => a - b);
  const least = rises.slice(0, Math.round(rises.length / 2)).reduce((sum, x) => sum + x, 0);
  allClose([predictedRise], [least], { relative: 1e-9 });
});

/** A trained network on digits, and its mean training loss. */
async function trained() {
  const { train } = glyphs({ train: 600, test: 1, seed: 1 });
  const backend = await createBackend({ prefer: ["wasm"] });
  const create = () => {
    const model = sequential(backend, {
      input: [28, 28, 1],
      layers: mlp({ hidden: [64] }),
      seed: 1,
    });
    return { model, goal: objective(model, softmaxCrossEntropy()) };
  };
  const first = create();
  {
    using optimizer = tekfac(first.goal, { seed: 1 });
    for (let epoch = 0; epoch < 8; epoch++) {
      for (const batch of batches(train, { size: 60, shuffle: { seed: 1, epoch } })) {
        optimizer.stepSync(batch);
      }
    }
  }
  const loss = (goal: typeof first.goal) => goal.evaluateSync(batches(train, { size: 300 })).loss;
  return { backend, train, create, first, loss };
}

Deno.test("prune() and compress() raise the loss less than magnitudes and plain low rank", async () => {
  const { backend, train, create, first, loss } = await trained();
  const weights = first.goal.parameters.map(({ value }) => backend.readSync(value));
  using curvature = await curvatureOf(first.goal, train);

  // Plain singular vectors: those of a curvature that is the same in all directions.
  using thin = await compress(curvature, { dense1: 12 });
  using flat = create().model;
  flat.parameters.forEach(({ value }, l) => backend.write(value, weights[l]));
  const flatGoal = objective(flat, softmaxCrossEntropy());
  using equal = await curvatureOf(flatGoal, train, { method: "diagonal" });
  for (const { block } of equal.layers) {
    const { eigenvalues } = block.eigenbasis!;
    backend.write(eigenvalues, new Float64Array(eigenvalues.rows * eigenvalues.cols).fill(1));
  }
  using plain = await compress(equal, { dense1: 12 });
  const [weighted, unweighted] = [thin, plain].map((model) =>
    loss(objective(model, softmaxCrossEntropy()))
  );
  assert(weighted < unweighted, `${weighted}, ${unweighted}`);

  await prune(curvature, { share: 0.9 });
  const pruned = loss(first.goal);
  const magnitudes = weights.flatMap((w) => [...w].map(Math.abs)).sort((a, b) => a - b);
  const least = magnitudes[Math.round(0.9 * magnitudes.length)];
  weights.forEach((w, l) => {
    backend.write(flat.parameters[l].value, w.map((x: number) => Math.abs(x) < least ? 0 : x));
  });
  const byMagnitude = loss(flatGoal);
  assert(pruned < byMagnitude, `${pruned}, ${byMagnitude}`);
  first.model[Symbol.dispose]();
});

Deno.test("compress() keeps every layer that it does not cut, and refuses what it cannot", async () => {
  using backend = createReference();
  const layers = [
    conv2d(2, { kernel: 2 }),
    batchNorm2d(),
    relu(),
    flatten(),
    dense(4),
    relu(),
    dense(3),
  ];
  using model = sequential(backend, { input: [3, 3, 1], layers, seed: 1 });
  const goal = objective(model, squaredError());
  const data = {
    inputs: randomNormals(new Random(1), 90),
    targets: randomNormals(new Random(2), 30),
  };
  using curvature = await curvatureOf(goal, data);
  // Of full rank nothing is lost.
  using same = await compress(curvature, { dense1: 4, dense2: 3 });
  allClose(
    objective(same, squaredError()).predictSync(data.inputs),
    goal.predictSync(data.inputs),
    { absolute: 1e-9 },
  );
  assert.equal(same.parameters.length, model.parameters.length + 2);
  const held = backend.memory().handles;
  await assert.rejects(() => compress(curvature, { dense1: 5 }), {
    name: "OptionError",
    message: /1 to 4/,
  });
  await assert.rejects(() => compress(curvature, { conv1: 1 }), {
    name: "OptionError",
    message: /dense/,
  });
  await assert.rejects(() => compress(curvature, { dense9: 1 }), { name: "OptionError" });
  await assert.rejects(() => prune(curvature, { share: 1 }), { name: "OptionError" });
  const low = await curvatureOf(goal, data, { rank: 1 });
  await assert.rejects(() => prune(low, { share: 0.5 }), { name: "OptionError", message: /full/ });
  low[Symbol.dispose]();
  assert.equal(backend.memory().handles, held);
});
