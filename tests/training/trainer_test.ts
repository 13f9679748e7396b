import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { createDataset, type Dataset, type DatasetSplit } from "@tekfac/tekfac/data";
import { dense, objective, sequential, softmaxCrossEntropy, tanh } from "@tekfac/tekfac/nn";
import { loadState, type Optimizer, saveState, sgd, tekfac } from "@tekfac/tekfac/optim";
import { Random } from "@tekfac/tekfac/core";
import {
  type EpochRecord,
  train,
  type TrainingRecord,
  type TrainOptions,
} from "@tekfac/tekfac/training";

/** Two classes of four-pixel images: bright on the left, bright on the right, with noise. */
function sides(count: number, seed: number): Dataset {
  const random = new Random(seed);
  const labels = Uint8Array.from({ length: count }, () => random.integer(2));
  const images = Float32Array.from({ length: 4 * count }, (_, i) => {
    const bright = labels[Math.floor(i / 4)] === i % 2;
    return random.uniform(bright ? 0.4 : 0, bright ? 1 : 0.6);
  });
  return createDataset({ images, labels, shape: [2, 2, 1], classes: 2, source: "sides" });
}

const data: DatasetSplit = { train: sides(50, 1), test: sides(30, 2) };

type Parts = Pick<TrainOptions, "objective" | "optimizer">;

/** Runs `body` with a small model of its own; equal each time. */
async function withJob(
  create: (goal: Parts["objective"]) => Optimizer<{
    readonly inputs: ArrayLike<number>;
    readonly targets: ArrayLike<number>;
  }>,
  body: (parts: Parts) => Promise<void>,
): Promise<void> {
  using backend = await createBackend({ prefer: ["reference"] });
  {
    const layers = [dense(5), tanh(), dense(2)];
    using model = sequential(backend, { input: [4], layers, seed: 3 });
    const goal = objective(model, softmaxCrossEntropy());
    using optimizer = create(goal);
    await body({ objective: goal, optimizer });
  }
  assert.equal(backend.memory().handles, 0);
}

const common = { data, batchSize: 16, seed: 4 };

Deno.test("train() records every step and every epoch, and learns", async () => {
  await withJob(tekfac, async (parts) => {
    const seen: EpochRecord[] = [];
    const steps: number[] = [];
    const record = await train({
      ...parts,
      ...common,
      epochs: 5,
      observer: {
        onStep: ({ step, steps: all, epoch }) => {
          steps.push(step);
          assert.equal(all, 20);
          assert.equal(epoch, Math.ceil(step / 4));
        },
        onEpoch: (epoch) => void seen.push(epoch),
      },
    });
    assert.equal(record.stepsPerEpoch, 4);
    assert.equal(record.stepLosses.length, 20);
    assert.deepEqual(steps, Array.from({ length: 20 }, (_, i) => i + 1));
    assert.deepEqual(record.epochs, seen);
    assert.deepEqual(seen.map(({ epoch }) => epoch), [1, 2, 3, 4, 5]);
    assert.ok(seen.every(({ seconds }, i) => seconds >= (seen[i - 1]?.seconds ?? 0)));
    assert.equal(record.testLoss, seen[4].testLoss);
    assert.equal(record.testAccuracy, seen[4].testAccuracy);
    assert.ok(record.trainLoss < 0.5 * Math.log(2));
    assert.ok(Math.abs(record.stepMs - 1000 * record.seconds / 20) < 1e-9);
  });
});

Deno.test("train() gives the running loss as the mean over the epoch's examples", async () => {
  await withJob((goal) => sgd(goal, { learningRate: 0, momentum: false }), async (parts) => {
    // Nothing moves, so the mean over batches of 16, 16, 16 and 2 is that over the whole set.
    const { epochs, trainLoss } = await train({ ...parts, ...common, epochs: 1 });
    assert.ok(Math.abs(epochs[0].runningLoss - trainLoss) <= 50 * 2 ** -52 * trainLoss);
  });
});

Deno.test("train() from a checkpoint equals a run that was never interrupted", async () => {
  let whole: Uint8Array | undefined;
  let half: Uint8Array | undefined;
  await withJob(tekfac, async (parts) => {
    const onEpoch = async ({ epoch }: EpochRecord) => {
      if (epoch === 2) half = await saveState(parts.optimizer);
    };
    await train({ ...parts, ...common, epochs: 4, observer: { onEpoch } });
    whole = await saveState(parts.optimizer);
  });
  await withJob(tekfac, async (parts) => {
    loadState(parts.optimizer, half ?? new Uint8Array());
    const record = await train({ ...parts, ...common, epochs: 4, epochsDone: 2 });
    assert.deepEqual(record.epochs.map(({ epoch }) => epoch), [3, 4]);
    assert.deepEqual(await saveState(parts.optimizer), whole);
  });
});

Deno.test("train() of no epochs only evaluates", async () => {
  await withJob(tekfac, async (parts) => {
    const record = await train({ ...parts, ...common, epochs: 2, epochsDone: 2 });
    assert.deepEqual(record.epochs, []);
    assert.equal(record.stepMs, 0);
    assert.ok(record.trainLoss > 0 && record.testLoss > 0);
    assert.equal(parts.optimizer.stepCount, 0);
  });
});

Deno.test("train() evaluates the training set after each epoch where asked, and trains the same", async () => {
  const records: TrainingRecord[] = [];
  for (const evaluateTraining of ["end", "eachEpoch"] as const) {
    await withJob(tekfac, async (parts) => {
      records.push(await train({ ...parts, ...common, epochs: 3, evaluateTraining }));
    });
  }
  const [end, each] = records;
  assert.deepEqual(each.stepLosses, end.stepLosses);
  assert.equal(each.trainLoss, end.trainLoss);
  assert.equal(end.initialLoss, undefined);
  assert.ok(end.epochs.every(({ trainLoss }) => trainLoss === undefined));
  assert.equal(each.epochs.at(-1)!.trainLoss, each.trainLoss);
  assert.ok(each.initialLoss! > each.epochs[0].trainLoss!);
});

Deno.test("train() throws NumericalError when training diverges", async () => {
  await withJob((goal) => sgd(goal, { learningRate: Number.MAX_VALUE }), async (parts) => {
    await assert.rejects(train({ ...parts, ...common, epochs: 3 }), {
      name: "NumericalError",
      message: /Try a smaller learning rate/,
    });
  });
});

Deno.test("train() rejects settings out of range before the first step", async () => {
  await withJob(tekfac, async (parts) => {
    const cases = [{ epochs: -1 }, { epochs: 1.5 }, { epochs: 1, batchSize: 0 }, {
      epochs: 1,
      epochsDone: NaN,
    }];
    for (const settings of cases) {
      await assert.rejects(train({ ...parts, ...common, ...settings }), { name: "OptionError" });
    }
    assert.equal(parts.optimizer.stepCount, 0);
  });
});
