import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { NumericalError, OptionError, Random } from "@tekfac/tekfac/core";
import { dense, objective, sequential, squaredError, tanh } from "@tekfac/tekfac/nn";
import { adam, externalModel, type Optimizer, soap } from "@tekfac/tekfac/optim";
import { eachBackend } from "@tekfac/tekfac/testing";
import { gpuTest } from "../parity/_parity.ts";
import {
  type Batch,
  makeBatch,
  problemOf,
  referenceBackend,
  smallModel,
  weightsOf,
} from "./problem.ts";

const betas = { beta1: 0.9, beta2: 0.99, learningRate: 0.01 };

/** Weights after some steps on one batch. */
function weightsAfter(create: () => Optimizer<Batch>, steps: number): number[] {
  using optimizer = create();
  for (let step = 0; step < steps; step++) optimizer.stepSync(makeBatch(16, 1));
  return optimizer.objective.parameters.flatMap(({ value }) => [
    ...optimizer.objective.backend.readSync(value),
  ]);
}

eachBackend(Deno.test, "soap() with no side small enough is adam() one step later", (backend) => {
  using one = smallModel(backend);
  using other = smallModel(backend);
  assert.deepEqual(
    weightsAfter(() => soap(problemOf(one), { ...betas, maxPreconditionerSize: 0 }), 6),
    weightsAfter(() => adam(problemOf(other), betas), 5),
  );
});

Deno.test("soap() treats parameters with a side of 1 as adam() does", () => {
  using backend = referenceBackend();
  using model = sequential(backend, { input: [4], layers: [dense(1)], seed: 1 });
  using optimizer = soap(objective(model, squaredError()));
  assert.match(optimizer.describe(), /dense1 +dense +\[1, 5\] +adam/);
  assert.deepEqual(Object.keys(optimizer.preconditioner.state), [
    "dense1.firstMoment",
    "dense1.secondMoment",
  ]);
});

Deno.test("soap() treats scales and shifts of a normalisation as adam() does", () => {
  using backend = referenceBackend();
  using model = externalModel(backend, [
    { name: "norm", layer: { kind: "normalization" }, shape: [2, 3] },
  ]);
  using optimizer = soap(model);
  assert.match(optimizer.describe(), /norm +normalization +\[2, 3\] +adam/);
});

eachBackend(
  Deno.test,
  "soap() gives only sides up to maxPreconditionerSize a factor",
  (backend) => {
    using model = smallModel(backend);
    using optimizer = soap(problemOf(model), { maxPreconditionerSize: 5 });
    // Weights are [5, 5] and [3, 6].
    const { state } = optimizer.preconditioner;
    assert.ok("dense1.outputFactor" in state && "dense1.inputFactor" in state);
    assert.ok("dense2.outputFactor" in state && !("dense2.inputFactor" in state));
    assert.match(optimizer.describe(), /dense2 .* soap +3 x 3, none/);
    const first = optimizer.stepSync(makeBatch(16, 1)).loss;
    for (let step = 0; step < 60; step++) optimizer.stepSync(makeBatch(16, 1));
    assert.ok(optimizer.stepSync(makeBatch(16, 1)).loss < 0.9 * first);
  },
);

Deno.test("soap() only observes in its first step, then renews bases every preconditionFrequency steps", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = soap(problemOf(model), { preconditionFrequency: 4 });
  const before = weightsOf(model);
  const refreshed = Array.from({ length: 11 }, (_, step) => {
    const { layers } = optimizer.stepSync(makeBatch(16, step));
    if (step === 0) assert.deepEqual(weightsOf(model), before);
    return layers.every(({ refresh }) => refresh !== undefined);
  });
  // From the first gradient, then from all up to the 4th and the 8th update.
  assert.deepEqual(refreshed.flatMap((due, step) => due ? [step] : []), [1, 5, 9]);
});

Deno.test("soap() asks an external model for nothing but gradients; kernels are matrices", () => {
  using backend = referenceBackend();
  const geometry = {
    channels: 1,
    height: 4,
    width: 4,
    kernel: [2, 2],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    bias: true,
  } as const;
  using model = externalModel(backend, [
    { name: "conv", layer: { kind: "conv2d", geometry }, shape: [3, 5] },
    { name: "other", layer: { kind: "other" }, shape: [3, 5] },
  ]);
  using optimizer = soap(model);
  for (let step = 0; step < 12; step++) {
    const gradient = Float64Array.from({ length: 15 }, (_, i) => Math.sin(3 * i + step));
    const gradients = { conv: gradient, other: gradient };
    optimizer.stepSync({ examples: 1, loss: 1, gradients });
  }
  const { conv, other } = model.readWeightsSync();
  assert.deepEqual(conv, other);
  assert.ok(conv.every((weight) => weight !== 0));
});

Deno.test("soap() refuses momentum, unknown options and impossible values", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  const bad = (options: object, message: RegExp) =>
    assert.throws(
      () => soap(problemOf(model), options),
      (error: unknown) => error instanceof OptionError && message.test(error.message),
    );
  bad({ momentum: 0.9 }, /'momentum' is not an option/);
  bad({ preconditionFrequency: 0 }, /'preconditionFrequency' must be an integer >= 1/);
  bad({ beta2: 1 }, /'beta2' must be a finite number >= 0 and < 1/);
  bad({ shampooBeta: -1 }, /'shampooBeta'/);
  bad({ maxPreconditionerSize: 1.5 }, /'maxPreconditionerSize'/);
  assert.equal(backend.memory().handles, 4);
});

Deno.test("soap() throws on a gradient that is not finite, before a weight or a moment moves", () => {
  using backend = referenceBackend();
  using model = externalModel(backend, [{ name: "w", layer: { kind: "other" }, shape: [2, 2] }]);
  using optimizer = soap(model);
  const step = (gradient: number[]) =>
    optimizer.stepSync({ examples: 1, loss: 1, gradients: { w: gradient } });
  step([1, 2, 3, 4]);
  step([2, 1, 4, 3]);
  const state = (): number[] =>
    Object.values(optimizer.preconditioner.state).flatMap((m) => [...backend.readSync(m)]);
  const before = state();
  assert.throws(() => step([1, NaN, 1, 1]), NumericalError);
  assert.deepEqual(state(), before);
});

/** Losses of 25 steps on layers whose gradients [4, 5] decide their eigenvectors from the first on. */
async function curveOf(backend: Backend): Promise<number[]> {
  using model = sequential(backend, { input: [4], layers: [dense(4), tanh(), dense(4)], seed: 1 });
  using optimizer = soap(objective(model, squaredError()), { learningRate: 0.01 });
  const random = new Random(2);
  const normals = (length: number) => Float64Array.from({ length }, () => random.normal());
  const handles = Array.from(
    { length: 25 },
    () => optimizer.step({ inputs: normals(96), targets: normals(96) }),
  );
  const reports = await Promise.all(handles.map((handle) => handle.report()));
  return reports.map(({ loss }) => loss);
}

// Where a gradient has fewer rows than columns by more than one, any basis of what it lacks is as good
// as another, and backends need not agree.
gpuTest("soap() follows WebAssembly's loss within 1e-3 for 25 steps", async (gpu) => {
  using wasm = await createBackend({ prefer: ["wasm"] });
  const expected = await curveOf(wasm);
  const actual = await curveOf(gpu);
  const worst = Math.max(...actual.map((loss, i) => Math.abs(loss / expected[i] - 1)));
  assert.ok(worst <= 1e-3, `${worst}`);
});
