import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { cosine, Random } from "@tekfac/tekfac/core";
import {
  batches,
  type Dataset,
  splitDataset,
  standardized,
  table,
  weighted,
} from "@tekfac/tekfac/data";
import {
  dense,
  objective,
  readWeightsSync,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import { exponentialAverage, optimizers, sgd, tekfac } from "@tekfac/tekfac/optim";
import {
  accuracy,
  auc,
  type EpochRecord,
  f1,
  fit,
  type FitOptions,
  type Metric,
  r2,
  rmse,
} from "@tekfac/tekfac/training";

import { gpuTest } from "../parity/_parity.ts";

const random = new Random(1);
const rows = Array.from({ length: 90 }, () => [random.normal(), random.normal()]);
/** On which side of a circle: not linear. */
const circle = table({
  inputs: rows,
  targets: rows.map(([x, y]) => Number(x * x + y * y > 1.4)),
  classes: 2,
});
/** A smooth function in large units. */
const slope = table({
  inputs: rows,
  targets: rows.map(([x, y]) => 5000 + 300 * Math.sin(x) + 200 * y),
});

const options: FitOptions = {
  optimizer: tekfac,
  epochs: 6,
  batchSize: 20,
  seed: 1,
  validationShare: 0.2,
};

/** Runs the body with a model of its own; nothing may stay allocated. */
async function withModel(
  outputs: number,
  body: (model: Sequential) => Promise<void>,
  prefer: "wasm" | "reference" = "reference",
): Promise<void> {
  using backend = await createBackend({ prefer: [prefer] });
  {
    const layers = [dense(8), tanh(), dense(outputs)];
    using model = sequential(backend, { input: [2], layers, seed: 3 });
    await body(model);
  }
  assert.equal(backend.memory().handles, 0);
}

const weightsOf = (model: Sequential) =>
  model.parameters.map((parameter) => [...readWeightsSync(model.backend, parameter)]);

for (const [name, create] of Object.entries(optimizers)) {
  Deno.test(`fit() learns with ${name} and a cosine over all its epochs`, () =>
    withModel(2, async (model) => {
      const optimizer: FitOptions["optimizer"] = name === "sgd"
        ? (goal, shared) => sgd(goal, { ...shared, learningRate: 0.1 })
        : (goal, shared) => create(goal, shared);
      const history = await fit(model, softmaxCrossEntropy(), circle, {
        ...options,
        optimizer,
        annealing: cosine,
        epochs: 12,
        metrics: [accuracy(), f1(), auc()],
        observer: { onNote: () => {} }, // Adam is slow here
      });
      assert.equal(history.stepsPerEpoch, 4); // 72 of 90 examples
      assert.equal(history.stepLosses.length, 48);
      assert.equal(history.endedBy, "epochs");
      assert.equal(history.metrics!.accuracy, history.testAccuracy);
      assert(history.trainLoss < history.epochs[0].runningLoss);
    }));
}

Deno.test("fit() measures numbers in the units of the table", () =>
  withModel(1, async (model) => {
    const data = standardized(splitDataset(slope, { testShare: 0.2, seed: 1 }));
    const { validationShare: _, ...rest } = options;
    const history = await fit(model, squaredError(), data, {
      ...rest,
      epochs: 20,
      metrics: [rmse(), r2()],
    });
    // The loss is half the square in units of the deviation.
    const { deviation } = data.standardization.targets!;
    const expected = deviation[0] * Math.sqrt(2 * history.testLoss);
    // Targets of 5,000 are float32 numbers in a batch: 2^-24 of a deviation, times the deviation.
    assert(Math.abs(history.metrics!.rmse - expected) <= 1e-5 * expected);
    assert(history.metrics!.r2 > 0.8);
  }));

Deno.test("fit() leaves the averages that were judged in the model", async () => {
  for (const earlyStopping of [undefined, { patience: 9 }]) {
    await withModel(2, async (model) => {
      const history = await fit(model, softmaxCrossEntropy(), circle, {
        ...options,
        optimizer: (goal, shared) =>
          tekfac(goal, { ...shared, average: exponentialAverage({ decay: 0.9 }) }),
        ...(earlyStopping === undefined ? {} : { earlyStopping }),
      });
      const { train, test } = splitDataset(circle, { testShare: 0.2, seed: 1 });
      const goal = objective(model, softmaxCrossEntropy());
      const lossOf = (data: Dataset) => goal.evaluateSync(batches(data, { size: 99 })).loss;
      assert(Math.abs(lossOf(test) - history.testLoss) < 1e-12);
      assert(Math.abs(lossOf(train) - history.trainLoss) < 1e-12);
    });
  }
});

/** Worse with every epoch, but the third is the best one. */
function scripted(values: readonly number[]): Metric {
  let calls = 0;
  return { name: "scripted", better: "higher", of: () => values[calls++] };
}

Deno.test("fit() stops when patience is at its end and puts the best weights back", () =>
  withModel(2, async (model) => {
    const seen: number[][][] = [];
    const history = await fit(model, softmaxCrossEntropy(), circle, {
      ...options,
      epochs: 50,
      metrics: [scripted([1, 2, 5, 5, NaN, 4])],
      earlyStopping: { patience: 3, monitor: "scripted" },
      observer: { onEpoch: () => void seen.push(weightsOf(model)) },
    });
    assert.equal(history.endedBy, "patience");
    assert.equal(history.epochs.length, 6);
    assert.equal(history.bestEpoch, 3);
    assert.equal(history.testLoss, history.epochs[2].testLoss);
    assert.equal(history.metrics!.scripted, 5);
    assert.deepEqual(weightsOf(model), seen[2]);
    assert.notDeepEqual(seen[2], seen[5]);
  }));

Deno.test("fit() counts only what is better by minDelta", () =>
  withModel(2, async (model) => {
    const history = await fit(model, softmaxCrossEntropy(), circle, {
      ...options,
      metrics: [scripted([1, 1.4, 1.8, 2.2, 2.3, 2.4])],
      earlyStopping: { patience: 2, monitor: "scripted", minDelta: 0.5 },
    });
    assert.equal(history.bestEpoch, 3); // 1.8; then 2.2 and 2.3 are not better by 0.5
    assert.equal(history.epochs.length, 5);
  }));

Deno.test("fit() ends with an epoch or a step whose observer returns false", async () => {
  await withModel(2, async (model) => {
    const onEpoch = ({ epoch }: EpochRecord) => epoch === 2 ? false : undefined;
    const history = await fit(model, softmaxCrossEntropy(), circle, {
      ...options,
      observer: { onEpoch },
    });
    assert.deepEqual([history.endedBy, history.stepLosses.length], ["observer", 8]);
  });
  await withModel(2, async (model) => {
    const history = await fit(model, softmaxCrossEntropy(), circle, {
      ...options,
      observer: { onStep: ({ step }) => step === 6 ? false : undefined },
    });
    assert.deepEqual([history.endedBy, history.stepLosses.length], ["observer", 6]);
    assert.equal(history.epochs.length, 2);
    const [, , , , a, b] = history.stepLosses;
    assert(Math.abs(history.epochs[1].runningLoss - (a + b) / 2) < 1e-12);
  });
});

Deno.test("fit() rejects with the reason of its signal and leaves the last step's weights", () =>
  withModel(2, async (model) => {
    const controller = new AbortController();
    const reason = new Error("the user has left");
    let last: number[][] = [];
    const run = fit(model, softmaxCrossEntropy(), circle, {
      ...options,
      signal: controller.signal,
      observer: {
        onStep: ({ step }) => {
          last = weightsOf(model);
          if (step === 3) controller.abort(reason);
        },
      },
    });
    await assert.rejects(run, (error: unknown) => error === reason);
    assert.deepEqual(weightsOf(model), last);
  }));

Deno.test("fit() takes the same steps in parts of a batch", async () => {
  const ends: number[][][] = [];
  for (const microBatch of [20, 7]) {
    await withModel(2, async (model) => {
      // Plain gradients: captures of curvature are of the last part alone.
      const optimizer: FitOptions["optimizer"] = (goal, shared) =>
        sgd(goal, { ...shared, learningRate: 0.05 });
      const data = weighted(circle, { classes: "balanced" });
      await fit(model, softmaxCrossEntropy(), data, { ...options, optimizer, microBatch });
      ends.push(weightsOf(model));
    });
  }
  const [whole, parts] = ends.map((weights) => weights.flat());
  whole.forEach((weight, i) => assert(Math.abs(weight - parts[i]) < 1e-12));
});

Deno.test("fit() says of a run that learns nothing what to try", () =>
  withModel(2, async (model) => {
    const notes: string[] = [];
    const history = await fit(model, softmaxCrossEntropy(), circle, {
      ...options,
      optimizer: (goal, shared) => sgd(goal, { ...shared, learningRate: 1e-9 }),
      epochs: 12,
      observer: { onNote: (note) => notes.push(note) },
    });
    assert.match(notes[0], /does not learn: after 9 epochs.*learning rate/);
    assert.deepEqual(history.notes, notes);
    assert.equal(history.didNotLearn, true);
  }));

Deno.test("fit() gives timers their turn", () =>
  withModel(2, async (model) => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    // As slow as a large model.
    const busy = () => {
      const end = performance.now() + 60;
      while (performance.now() < end);
    };
    await fit(model, softmaxCrossEntropy(), circle, {
      ...options,
      epochs: 1,
      observer: { onStep: busy },
    });
    clearInterval(timer);
    assert(turns >= 2, `${turns} turns in 240 ms`);
  }));

Deno.test("fit() refuses what is missing, unknown or out of range before the first step", () =>
  withModel(2, async (model) => {
    const before = weightsOf(model);
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ validationShare: undefined }, /validationShare/],
      [{ optimizer: "tekfac" }, /'optimizer' must be a function/],
      [{ epochs: undefined }, /'epochs'/],
      [{ seed: undefined }, /'seed'/],
      [{ batchSize: 0 }, /'batchSize'/],
      [{ microBatch: 0 }, /'microBatch'/],
      [{ patience: 3 }, /patience/],
      [{ earlyStopping: { patience: 0 } }, /earlyStopping.patience/],
      [{ earlyStopping: { patience: 1, monitor: "f1" } }, /loss, accuracy/],
    ];
    for (const [change, message] of cases) {
      const changed = { ...options, ...change } as FitOptions;
      await assert.rejects(fit(model, softmaxCrossEntropy(), circle, changed), {
        name: "OptionError",
        message,
      });
    }
    const parts = splitDataset(circle, { testShare: 0.5, seed: 1 });
    await assert.rejects(fit(model, softmaxCrossEntropy(), parts, options), /split already/);
    assert.deepEqual(weightsOf(model), before);
  }));

gpuTest("fit() learns, stops and restores on a GPU", async (backend) => {
  const layers = [dense(8), tanh(), dense(2)];
  using model = sequential(backend, { input: [2], layers, seed: 3 });
  const history = await fit(model, softmaxCrossEntropy(), circle, {
    ...options,
    epochs: 12,
    metrics: [scripted([1, 2, 0, 0])],
    earlyStopping: { patience: 2, monitor: "scripted" },
  });
  assert.deepEqual([history.bestEpoch, history.epochs.length], [2, 4]);
  const { test } = splitDataset(circle, { testShare: 0.2, seed: 1 });
  const goal = objective(model, softmaxCrossEntropy());
  assert.equal((await goal.evaluate(batches(test, { size: 99 }))).loss, history.testLoss);
});
