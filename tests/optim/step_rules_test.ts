/** The rules that keep a step safe, one by one. */
import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import {
  dense,
  objective,
  readWeightsSync,
  relu,
  sequential,
  softmaxCrossEntropy,
  squaredError,
  tanh,
  writeWeights,
} from "@tekfac/tekfac/nn";
import { ekfac, kfac, type KroneckerOptions, tekfac, tkfac } from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import { makeBatch, problemOf, referenceBackend, smallModel, weightsOf } from "./problem.ts";

const METHODS = { kfac, ekfac, tkfac, tekfac };

for (const [name, create] of Object.entries(METHODS)) {
  Deno.test(`${name}() does not depend on the unit of the targets: powers of two give the same digits`, async () => {
    using backend = await createBackend({ prefer: ["wasm"] });
    const random = new Random(3);
    const inputs = Float64Array.from({ length: 5 * 64 }, () => random.normal());
    const targets = Float64Array.from({ length: 64 }, (_, n) => Math.sin(inputs[5 * n]));
    const lossesIn = (unit: number): number[] => {
      using model = sequential(backend, {
        input: [5],
        layers: [dense(40), tanh(), dense(1)],
        seed: 1,
      });
      const head = model.parameters[1];
      writeWeights(backend, head, readWeightsSync(backend, head).map((w) => unit * w));
      using optimizer = create(objective(model, squaredError()));
      const batch = { inputs, targets: targets.map((y) => unit * y) };
      return Array.from({ length: 30 }, () => optimizer.stepSync(batch).loss / unit ** 2);
    };
    const expected = lossesIn(1);
    assert(expected[29] < 0.1 * expected[0]);
    for (const unit of [2 ** -10, 2 ** 10]) {
      allClose(lossesIn(unit), expected, { relative: 1e-3, label: `${unit}` });
    }
  });
}

Deno.test("takeBack: no step multiplies the loss of a deep plain network by 3, and it ends near 0", async () => {
  using backend = await createBackend({ prefer: ["wasm"] });
  const random = new Random(1);
  const targets = Array.from({ length: 64 }, () => random.integer(3));
  const inputs = Float64Array.from(
    { length: 64 * 6 },
    (_, at) => +(at % 3 === targets[Math.floor(at / 6)]) + random.uniform(-0.25, 0.25),
  );
  const course = (options: KroneckerOptions): { losses: number[]; limits: Set<string> } => {
    const layers = Array.from({ length: 13 }, () => [dense(16), relu()]).flat();
    using model = sequential(backend, { input: [6], layers: [...layers, dense(3)], seed: 2 });
    using optimizer = tekfac(objective(model, softmaxCrossEntropy()), options);
    const reports = Array.from({ length: 200 }, () => optimizer.stepSync({ inputs, targets }));
    return {
      losses: reports.map(({ loss }) => loss),
      limits: new Set(reports.map(({ limitedBy }) => limitedBy)),
    };
  };
  const { losses, limits } = course({});
  losses.slice(1).forEach((loss, step) => assert(loss < 3 * Math.max(losses[step], 1e-3)));
  assert(losses[199] < 1e-3, `${losses[199]}`);
  assert([...limits].every((limit) => limit !== "learningRate"), [...limits].join());
});

Deno.test("takeBack leaves weights alone that somebody else has changed since the last step", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = tekfac(problemOf(model));
  for (let step = 0; step < 20; step++) optimizer.stepSync(makeBatch(16, 0));
  const spoilt = [20, -20].flatMap((value) => Array.from({ length: 9 }, () => value));
  const last = model.parameters[1];
  writeWeights(backend, last, spoilt);
  const { loss } = optimizer.stepSync(makeBatch(16, 0));
  // At the weights before the last step it would be far below.
  assert(loss > 1, `${loss}`);
});

for (const [name, create] of Object.entries(METHODS)) {
  Deno.test(`${name}() trains on after one batch a million times out of scale`, () => {
    using backend = referenceBackend();
    const endOf = (scale: number): number => {
      using model = smallModel(backend);
      using optimizer = create(problemOf(model));
      for (let step = 0; step < 120; step++) {
        const batch = makeBatch(32, step);
        const factor = step === 20 ? scale : 1;
        optimizer.stepSync({ ...batch, inputs: batch.inputs.map((x) => factor * x) });
      }
      return optimizer.stepSync(makeBatch(32, 0)).loss;
    };
    const [usual, after] = [endOf(1), endOf(1e6)];
    assert(after < 3 * usual + 0.05, `${after} instead of ${usual}`);
  });
}

Deno.test("a loss below zero is that of a density, and its step is finite", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  const known = problemOf(model);
  using optimizer = tekfac<ReturnType<typeof makeBatch>>({
    ...{ backend, parameters: known.parameters },
    examplesOf: (batch) => known.examplesOf(batch),
    differentiate(batch, blend) {
      const losses = known.differentiate(batch, blend);
      backend.write(losses, [...backend.readSync(losses)].map((loss) => loss - 5));
      return losses;
    },
    differentiateSampled: (random, sample) => known.differentiateSampled(random, sample),
    capture: (parameter) => known.capture(parameter),
  });
  const first = optimizer.stepSync(makeBatch(32, 1)).loss;
  for (let step = 0; step < 60; step++) optimizer.stepSync(makeBatch(32, 1));
  assert(optimizer.stepSync(makeBatch(32, 1)).loss < first - 0.3);
  assert(weightsOf(model).every(Number.isFinite));
});

Deno.test("relativeChange bounds the sum over layers of |dW| / |W|", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = tekfac(problemOf(model), {
    klClip: false,
    damping: { kind: "absolute", lambda: 1e-6 },
    relativeChange: 0.05,
    weightDecay: false,
  });
  const norm = (x: ArrayLike<number>): number => Math.hypot(...Array.from(x));
  const before = model.parameters.map((p) => readWeightsSync(backend, p));
  const { limitedBy } = optimizer.stepSync(makeBatch(32, 0));
  assert.equal(limitedBy, "relativeChange");
  const changes = model.parameters.map((p, l) => {
    const after = readWeightsSync(backend, p);
    return norm(after.map((w, i) => w - before[l][i])) / norm(before[l]);
  });
  allClose([changes.reduce((a, b) => a + b)], [0.05], { relative: 1e-12 });
});
