/** A step that is taken back, in a model that keeps more than weights. */
import assert from "#assert";
import { Random } from "@tekfac/tekfac/core";
import {
  batchNorm2d,
  dense,
  dropout,
  flatten,
  type LayerSpec,
  objective,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";
import { sgd, tekfac } from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import { referenceBackend, weightsOf } from "./problem.ts";

const EXAMPLES = 12, PIXELS = 4, CHANNELS = 2;

function batchOf(seed: number) {
  const random = new Random(seed);
  return {
    inputs: Float64Array.from({ length: EXAMPLES * PIXELS * CHANNELS }, () => 3 + random.normal()),
    targets: Array.from({ length: EXAMPLES }, (_, n) => n % 3),
  };
}

function modelOf(...layers: LayerSpec[]): Disposable & { model: Sequential } {
  const backend = referenceBackend();
  const model = sequential(backend, { input: [2, 2, CHANNELS], layers, seed: 4 });
  const dispose = () => {
    model[Symbol.dispose]();
    backend[Symbol.dispose]();
  };
  return { model, [Symbol.dispose]: dispose };
}

/** Means, then unbiased variances, of the channels of a batch's inputs. */
function momentsOf({ inputs }: ReturnType<typeof batchOf>): number[] {
  const channels = Array.from(
    { length: CHANNELS },
    (_, c) => Array.from(inputs).filter((_, i) => i % CHANNELS === c),
  );
  const means = channels.map((x) => x.reduce((sum, value) => sum + value) / x.length);
  const variances = channels.map((x, c) =>
    x.reduce((sum, value) => sum + (value - means[c]) ** 2, 0) / (x.length - 1)
  );
  return [...means, ...variances];
}

const SMALL = 0.01, LARGE = 1000, AT = 3;

for (const [name, create] of Object.entries({ sgd, tekfac })) {
  Deno.test(`${name}(): running moments follow every batch once, also when a step is taken back`, () => {
    // In front of all weights, they follow from the inputs alone.
    using made = modelOf(batchNorm2d({ runningDecay: 0.9 }), flatten(), dense(8), tanh(), dense(3));
    const { model } = made;
    using optimizer = create(objective(model, softmaxCrossEntropy()), {
      learningRate: (step: number) => step === AT ? LARGE : SMALL,
      klClip: false,
      relativeChange: false,
      takeBack: true,
    });
    let expected = [0, 0, 1, 1];
    for (let step = 0; step < 8; step++) {
      const batch = batchOf(step);
      optimizer.stepSync(batch);
      const moments = momentsOf(batch);
      expected = expected.map((value, i) => 0.9 * value + 0.1 * moments[i]);
      if (step === AT + 1) assert(optimizer.rules.stepCheck!.scale < 1, "it was taken back");
      const [running] = Object.values(model.state).map((m) => model.backend.readSync(m));
      allClose(running, expected, { relative: 1e-12, label: `step ${step}` });
    }
  });
}

Deno.test("a step that was looked into, and stays, leaves what it would have left, dropout and moments too", () => {
  const layers = [batchNorm2d(), flatten(), dense(8), dropout(0.5), tanh(), dense(3)];
  const after = (takeBack: boolean): number[] => {
    using made = modelOf(...layers);
    const { model } = made;
    using optimizer = sgd(objective(model, softmaxCrossEntropy()), {
      learningRate: 0.05,
      takeBack,
    });
    const losses = Array.from({ length: 43 }, (_, step) => {
      // One batch is a surprise at any weights.
      const batch = { ...batchOf(step), targets: Array(EXAMPLES).fill(step === 40 ? 1 : 0) };
      return optimizer.stepSync(batch).loss;
    });
    assert(losses[40] > 2 * losses[39], "it was looked into");
    if (takeBack) assert.equal(optimizer.rules.stepCheck!.scale, 1, "nothing was taken back");
    const state = Object.values(model.state).flatMap((m) => [...model.backend.readSync(m)]);
    return [...weightsOf(model), ...state];
  };
  assert.deepEqual(after(true), after(false));
});

Deno.test("after one step that was taken back, others that are too long are shortened at once", () => {
  using made = modelOf(flatten(), dense(8), tanh(), dense(3));
  const { model } = made;
  const again = 20;
  const goal = objective(model, softmaxCrossEntropy());
  using optimizer = sgd(goal, {
    learningRate: (step: number) => step === AT || step === again ? LARGE : SMALL,
    takeBack: true,
  });
  const check = optimizer.rules.stepCheck!;
  const batch = batchOf(1);
  const lossNow = () => goal.evaluateSync(batch).loss;
  for (let step = 0; step < again; step++) {
    const before = lossNow();
    optimizer.stepSync(batch);
    if (step === AT) assert(lossNow() > 2 * before, "nobody looked at the first one in time");
  }
  assert(check.watched > 0 && check.watched < 100, `${check.watched}`);
  const [before, scale] = [lossNow(), check.scale];
  const { limitedBy, clipFactor } = optimizer.stepSync(batch);
  assert.equal(limitedBy, "rejection");
  assert(clipFactor <= 1 / 4, `${clipFactor}`);
  assert(lossNow() <= before, `${before} to ${lossNow()}`);
  assert(check.scale < scale / 2, `${scale} to ${check.scale}`);
  assert.equal(check.watched, 100);
});
