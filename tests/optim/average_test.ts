import assert from "#assert";
import { OptionError, StateError } from "@tekfac/tekfac/core";
import {
  batchNorm2d,
  conv2d,
  globalAveragePool2d,
  objective,
  sequential,
  softmaxCrossEntropy,
} from "@tekfac/tekfac/nn";
import {
  adam,
  exponentialAverage,
  loadState,
  muon,
  type Optimizer,
  saveState,
  scheduleFree,
  scheduleFreeAdam,
  sgd,
  soap,
  type StepOptions,
  tekfac,
} from "@tekfac/tekfac/optim";
import { allClose, eachBackend } from "@tekfac/tekfac/testing";
import {
  type Batch,
  makeBatch,
  problemOf,
  referenceBackend,
  smallModel,
  weightsOf,
} from "./problem.ts";

const average = exponentialAverage({ decay: 0.8 });

/** `sum_i decay^(t-i) W_i / sum_i decay^(t-i)`. */
function averageOf(courses: readonly (readonly number[])[], decay: number): number[] {
  const shares = courses.map((_, i) => decay ** (courses.length - 1 - i));
  const total = shares.reduce((sum, share) => sum + share, 0);
  return courses[0].map((_, entry) =>
    courses.reduce((sum, weights, i) => sum + shares[i] * weights[entry], 0) / total
  );
}

eachBackend(
  Deno.test,
  "average of any optimizer is the weighted mean of its weights",
  (backend) => {
    for (const create of [sgd, adam, muon, soap, tekfac]) {
      using model = smallModel(backend);
      using optimizer: Optimizer<Batch> = create(problemOf(model), { average });
      const courses: number[][] = [];
      for (let step = 0; step < 12; step++) {
        optimizer.stepSync(makeBatch(16, step));
        courses.push(weightsOf(model));
        const found = optimizer.withAverageSync(() => weightsOf(model));
        const absolute = 4 * (step + 1) * backend.info.roundoff;
        allClose(found, averageOf(courses, 0.8), { absolute, label: `${create.name} ${step}` });
      }
    }
  },
);

eachBackend(
  Deno.test,
  "average leaves training as it is, however often it is asked for",
  (backend) => {
    const run = (options: StepOptions) => {
      using model = smallModel(backend);
      using optimizer = sgd(problemOf(model), options);
      for (let step = 0; step < 6; step++) {
        optimizer.stepSync(makeBatch(16, step));
        if (options.average) optimizer.withAverageSync(() => {});
      }
      return weightsOf(model);
    };
    const plain = run({});
    assert.deepEqual(run({ average }), plain);
  },
);

eachBackend(
  Deno.test,
  "average goes on over layers that are frozen and trained again",
  (backend) => {
    using model = smallModel(backend);
    model.freeze(({ name }) => name === "dense1");
    using optimizer = sgd(problemOf(model), { average });
    const courses: number[][] = [];
    for (let step = 0; step < 8; step++) {
      if (step === 4) model.unfreeze();
      optimizer.stepSync(makeBatch(16, step));
      courses.push(weightsOf(model));
    }
    const found = optimizer.withAverageSync(() => weightsOf(model));
    allClose(found, averageOf(courses, 0.8), { absolute: 4 * 8 * backend.info.roundoff });
  },
);

Deno.test("scheduleFree() leaves a frozen layer where it is, in training and in the average", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  model.freeze(({ name }) => name === "dense1");
  const first = () => [...backend.readSync(model.parameters[0].value)];
  const initial = first();
  using optimizer = scheduleFreeAdam(problemOf(model));
  for (let step = 0; step < 6; step++) optimizer.stepSync(makeBatch(16, step));
  assert.deepEqual(first(), initial);
  allClose(optimizer.withAverageSync(first), initial, { absolute: 1e-14 });
  assert.notDeepEqual(optimizer.withAverageSync(() => weightsOf(model)), weightsOf(model));
  assert.deepEqual(first(), initial);
});

Deno.test("average of a step that is taken back, or shortened, is that of the weights that stay", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  const momentum = false;
  using optimizer = sgd(problemOf(model), { learningRate: 20, takeBack: true, momentum, average });
  const check = optimizer.rules.stepCheck!;
  const shorten = check.shorten.bind(check);
  const courses: number[][] = [];
  const initial = weightsOf(model);
  let [rejections, shortened] = [0, 0];
  check.shorten = () => {
    // What the last step has left is in the average no more.
    courses[courses.length - 1] = courses.at(-2) ?? initial;
    rejections++;
    shorten();
  };
  for (let step = 0; step < 25; step++) {
    optimizer.stepSync(makeBatch(16, step % 3));
    courses.push(weightsOf(model));
    if (check.watched === 100) shortened++;
  }
  assert.ok(rejections > 0, `${rejections} steps were taken back`);
  assert.ok(shortened > 0, `${shortened} more were shortened at once`);
  const found = optimizer.withAverageSync(() => weightsOf(model));
  allClose(found, averageOf(courses, 0.8), { absolute: 1e-11 });
});

Deno.test("average includes running moments of normalisations", async () => {
  using backend = referenceBackend();
  const layers = [conv2d(3, { kernel: 2 }), batchNorm2d(), globalAveragePool2d()];
  using model = sequential(backend, { input: [4, 4, 1], layers, seed: 1 });
  const goal = objective(model, softmaxCrossEntropy());
  using optimizer = sgd(goal, { average });
  const read = () => Object.values(goal.state!).flatMap((matrix) => [...backend.readSync(matrix)]);
  const courses: number[][] = [];
  for (let step = 0; step < 5; step++) {
    const inputs = Float64Array.from({ length: 64 }, (_, i) => Math.sin(i * (step + 1)));
    optimizer.stepSync({ inputs, targets: [0, 1, 2, 0] });
    courses.push(read());
  }
  assert.ok(courses[0].length > 0);
  const found = await optimizer.withAverage(read);
  allClose(found, averageOf(courses, 0.8), { absolute: 1e-14 });
  assert.deepEqual(read(), courses[4]);
});

Deno.test("withAverage() gives the weights back exactly, also when its body throws", async () => {
  using backend = referenceBackend();
  for (const create of [() => sgd, () => scheduleFreeAdam]) {
    using model = smallModel(backend);
    using optimizer = create()(problemOf(model), create() === sgd ? { average } : {});
    const initial = weightsOf(model);
    assert.deepEqual(optimizer.withAverageSync(() => weightsOf(model)), initial);
    for (let step = 0; step < 5; step++) optimizer.stepSync(makeBatch(16, step));
    const before = weightsOf(model);
    const { handles } = backend.memory();
    const failing = optimizer.withAverage(() => Promise.reject(new Error("mine")));
    assert.notDeepEqual(weightsOf(model), before);
    await assert.rejects(failing, /mine/);
    assert.deepEqual(weightsOf(model), before);
    assert.throws(() =>
      optimizer.withAverageSync(() => {
        throw new Error("mine");
      }), /mine/);
    assert.deepEqual(weightsOf(model), before);
    assert.equal(backend.memory().handles, handles);
  }
});

Deno.test("withAverage() lets nothing be trained, saved or loaded meanwhile", async () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = sgd(problemOf(model), { average });
  optimizer.stepSync(makeBatch(16, 1));
  const bytes = await saveState(optimizer);
  const before = weightsOf(model);
  await optimizer.withAverage(async () => {
    assert.throws(() => optimizer.stepSync(makeBatch(16, 1)), StateError);
    assert.throws(() => optimizer.withAverageSync(() => {}), StateError);
    await assert.rejects(saveState(optimizer), StateError);
    assert.throws(() => loadState(optimizer, bytes), StateError);
  });
  assert.deepEqual(weightsOf(model), before);
  using plain = sgd(problemOf(model));
  assert.throws(() => plain.withAverageSync(() => {}), /option 'average'/);
});

Deno.test("average is refused out of range, or schedule-free where steps are taken back", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  const { handles } = backend.memory();
  for (const wrong of [{ decay: 1 }, {}, { decay: 0.9, beta: 0.9 }]) {
    assert.throws(() => exponentialAverage(wrong as { decay: number }), OptionError);
  }
  assert.throws(() => scheduleFree({ beta: 0 }), /beta/);
  for (const average of [0.99, { decay: 0.99 }, null]) {
    assert.throws(() => sgd(problemOf(model), { average: average as never }), /exponentialAverage/);
  }
  const average = scheduleFree();
  assert.throws(() => tekfac(problemOf(model), { average }), /takeBack/);
  assert.throws(() => scheduleFreeAdam(problemOf(model), { beta1: 0 }), /beta1/);
  assert.equal(backend.memory().handles, handles);
  using optimizer = tekfac(problemOf(model), { average, takeBack: false });
  const first = optimizer.stepSync(makeBatch(16, 1)).loss;
  for (let step = 0; step < 20; step++) optimizer.stepSync(makeBatch(16, 1));
  assert.ok(optimizer.stepSync(makeBatch(16, 1)).loss < first / 2);
});
