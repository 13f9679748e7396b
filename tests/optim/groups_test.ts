/** Parameters with settings of their own, and parameters that are not trained at all. */

import assert from "node:assert/strict";
import {
  batchNorm2d,
  conv2d,
  dense,
  flatten,
  type LayerSpec,
  objective,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";
import * as optim from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import { makeBatch, problemOf, referenceBackend, smallModel, weightsOf } from "./problem.ts";

const exact = { relative: 1e-12, absolute: 1e-14 };
const first = ({ name }: { readonly name: string }) => name === "dense1";

/** Values and gradients of a model's parameters. */
function numbersOf(
  { backend, parameters }: Sequential,
): { weights: number[]; gradient: number[] }[] {
  return parameters.map(({ value, gradient }) => ({
    weights: [...backend.readSync(value)],
    gradient: [...backend.readSync(gradient)],
  }));
}

const norm = (x: readonly number[]): number => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));

/** One step of SGD; what it did to each layer. */
function stepOf(options: optim.SgdOptions): {
  before: number[][];
  after: number[][];
  gradients: number[][];
  report: optim.StepReport;
} {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = optim.sgd(problemOf(model), { momentum: false, learningRate: 0.1, ...options });
  const before = numbersOf(model).map(({ weights }) => weights);
  const report = optimizer.stepSync(makeBatch(12, 1));
  const after = numbersOf(model);
  return {
    before,
    after: after.map(({ weights }) => weights),
    gradients: after.map(({ gradient }) => gradient),
    report,
  };
}

Deno.test("a group's learning rate and decay are those of its parameters, the first group's where two take one", () => {
  const { before, after, gradients } = stepOf({
    groups: [
      {
        include: first,
        learningRate: 0.03,
        weightDecay: { kind: "decoupled", value: 2, include: () => true },
      },
      { include: () => true, weightDecay: 0 },
    ],
  });
  const expected = [0.03, 0.1].map((rate, layer) =>
    before[layer].map((w, i) => w * (layer === 0 ? 1 - rate * 2 : 1) - rate * gradients[layer][i])
  );
  expected.forEach((weights, layer) => allClose(after[layer], weights, exact));
});

Deno.test("the KL clip bounds the step that is taken, each layer at its own rate", () => {
  const rates = [0.02, 0.1];
  const kl = 1e-4;
  const { before, after, gradients, report } = stepOf({
    klClip: { kind: "fixed", kl },
    groups: [{ include: first, learningRate: 0.02 }],
  });
  const divergence = rates.reduce((sum, rate, l) => sum + (rate * norm(gradients[l])) ** 2, 0);
  const nu = Math.sqrt(kl / divergence);
  assert(nu < 1);
  allClose([report.clipFactor], [nu], exact);
  rates.forEach((rate, l) =>
    allClose(after[l], before[l].map((w, i) => w - nu * rate * gradients[l][i]), exact)
  );
});

Deno.test("relativeChange bounds the step that is taken, each layer at its own rate", () => {
  const { before, after } = stepOf({
    relativeChange: 0.01,
    groups: [{ include: first, learningRate: 0.5 }],
  });
  const changes = before.map((weights, l) =>
    norm(weights.map((w, i) => after[l][i] - w)) / norm(weights)
  );
  allClose([changes[0] + changes[1]], [0.01], { relative: 1e-9 });
});

Deno.test("a group's rate needs one of the optimizer to be measured against", () => {
  assert.throws(
    () => stepOf({ learningRate: 0, groups: [{ include: first, learningRate: 1 }] }),
    /Cannot take step 0: 'learningRate' must be > 0 where a group/,
  );
});

type Create = typeof optim.sgd;

const { sgd, adam, scheduleFreeAdam, soap, kfac, tkfac, ekfac, tekfac } =
  optim as unknown as Record<
    string,
    Create
  >;
const muon: Create = (objective, options) =>
  optim.muon(objective, { matrices: () => true, ...options as optim.MuonOptions });
const creators = { sgd, adam, scheduleFreeAdam, muon, soap, kfac, tkfac, ekfac, tekfac };

/** Settings that a group may have of its own, and that others may have of all. */
const settings: Record<string, object[]> = {
  sgd: [{ momentum: { on: "gradient", value: 0.5 } }, { momentum: false }, {
    momentum: { on: "update", value: 0.6, nesterov: true },
  }],
  adam: [{ beta1: 0.5 }, { beta2: 0.9 }, { epsilon: 0.1 }],
  scheduleFreeAdam: [{ beta2: 0.9 }, { epsilon: 0.1 }],
  muon: [{ momentum: 0.5 }, { nesterov: false }, { adam: { beta1: 0.5, epsilon: 0.1 } }],
  soap: [
    ...[{ beta1: 0.5 }, { beta2: 0.5 }, { shampooBeta: 0.5 }],
    ...[{ epsilon: 0.1 }, { maxPreconditionerSize: 3 }],
  ],
  kfac: [{ damping: 0.1 }],
  tkfac: [{ damping: { kind: "relative", tau: 2 } }],
  ekfac: [{ damping: 0.1 }],
  tekfac: [{ damping: 0.1 }, { momentum: 0.5 }, { momentum: false }, {
    momentum: { on: "update", value: 0.5 },
  }],
};

for (const [name, own] of Object.entries(settings)) {
  Deno.test(`${name}() gives a group's layer what that layer has where all are of the group`, () => {
    using backend = referenceBackend();
    // Weights move at the last of five steps only, so that until then all gradients are the same.
    const learningRate = (step: number) => step < 4 ? 0 : 0.1;
    const bounds = ["klClip", "relativeChange", "gradientClip", "takeBack"];
    const unbound = name === "scheduleFreeAdam" ? bounds.slice(0, 3) : bounds;
    const none: Record<string, unknown> = Object.fromEntries(
      unbound.map((bound) => [bound, false]),
    );
    // What steps promise is of the whole model, too.
    if (name.endsWith("fac")) none.damping = { kind: "relative", tau: 0.3 };
    const run = (options: object): number[][] => {
      using model = smallModel(backend);
      using optimizer = creators[name as keyof typeof creators](problemOf(model), {
        ...none,
        learningRate,
        ...options,
      });
      for (let i = 0; i < 5; i++) optimizer.stepSync(makeBatch(24, i));
      return numbersOf(model).map(({ weights }) => weights);
    };
    const plain = run({});
    for (const setting of own) {
      const whole = run(setting);
      const grouped = run({ groups: [{ include: first, ...setting }] });
      assert.notDeepEqual(whole[0], plain[0], JSON.stringify(setting));
      assert.deepEqual(grouped[0], whole[0], JSON.stringify(setting));
      assert.deepEqual(grouped[1], plain[1], JSON.stringify(setting));
    }
  });
}

Deno.test("a run whose groups have momenta of their own goes on where it was saved", async () => {
  using backend = referenceBackend();
  const groups = [{ include: first, momentum: { on: "gradient", value: 0.3 } }] as const;
  const create = (model: Sequential) => optim.tekfac(problemOf(model), { groups });
  using model = smallModel(backend);
  using optimizer = create(model);
  for (let i = 0; i < 3; i++) optimizer.stepSync(makeBatch(24, i));
  const bytes = await optim.saveState(optimizer);
  using other = smallModel(backend, 7);
  using resumed = create(other);
  optim.loadState(resumed, bytes);
  for (let i = 3; i < 6; i++) {
    optimizer.stepSync(makeBatch(24, i));
    resumed.stepSync(makeBatch(24, i));
  }
  assert.deepEqual(weightsOf(other), weightsOf(model));
  using update = optim.tekfac(problemOf(other), {
    groups: [{ include: first, momentum: { on: "update", value: 0.3 } }],
  });
  assert.throws(() => optim.loadState(update, bytes), /groups.momentum.on/);
});

for (const [name, create] of Object.entries(creators)) {
  Deno.test(`${name}() trains what is above frozen layers as if they were the data`, () => {
    using backend = referenceBackend();
    using model = smallModel(backend);
    using top = sequential(backend, { input: [5], layers: [dense(3)], seed: 1 });
    backend.write(top.parameters[0].value, backend.readSync(model.parameters[1].value));
    const frozen = backend.readSync(model.parameters[0].value).slice();
    model.freeze(first);
    const { inputs, targets } = makeBatch(24, 1);
    const features = backend.scope(() => {
      const x = backend.scratch(24, 4);
      backend.write(x, inputs);
      const h = backend.scratch(24, 5);
      const ones = backend.scratch(24, 5);
      backend.appendOnes(ones, x);
      backend.gemm(h, ones, model.parameters[0].value, { transposeB: true });
      return [...backend.readSync(h)].map(Math.tanh);
    });
    using whole = create(problemOf(model));
    using part = create(objective(top, softmaxCrossEntropy()));
    for (let i = 0; i < 15; i++) {
      const { loss } = whole.stepSync({ inputs, targets });
      allClose([loss], [part.stepSync({ inputs: features, targets }).loss], { relative: 1e-9 });
    }
    assert.deepEqual(backend.readSync(model.parameters[0].value), frozen);
    assert(backend.readSync(model.parameters[0].gradient).every((g) => g === 0));
    assert.equal(problemOf(model).capture(model.parameters[0]), undefined);
    assert.match(whole.describe(), /dense1 .*frozen/);
  });

  Deno.test(`${name}() goes on where it was saved while a layer was frozen, and when it is trained again`, async () => {
    using backend = referenceBackend();
    const run = async (interrupted: boolean): Promise<number[]> => {
      using model = smallModel(backend);
      using optimizer = create(problemOf(model));
      for (let i = 0; i < 3; i++) optimizer.stepSync(makeBatch(24, i));
      model.freeze(first);
      for (let i = 3; i < 6; i++) optimizer.stepSync(makeBatch(24, i));
      const rest = (
        model: Sequential,
        optimizer: optim.Optimizer<{ inputs: Float64Array; targets: number[] }>,
      ) => {
        model.unfreeze();
        const before = model.parameters.map(({ value }) => [...backend.readSync(value)]);
        const { observed, layers } = optimizer.stepSync(makeBatch(24, 6));
        if (observed.statistics && name !== "soap") {
          assert(layers.every(({ refresh }) => refresh !== undefined));
        }
        for (let i = 7; i < 10; i++) optimizer.stepSync(makeBatch(24, i));
        assert.notDeepEqual([...backend.readSync(model.parameters[0].value)], before[0]);
        return weightsOf(model);
      };
      if (!interrupted) return rest(model, optimizer);
      using other = smallModel(backend, 7);
      other.freeze(first);
      using resumed = create(problemOf(other));
      optim.loadState(resumed, await optim.saveState(optimizer));
      return rest(other, resumed);
    };
    assert.deepEqual(await run(true), await run(false));
  });
}

Deno.test("nothing is propagated back below the first layer that is trained", () => {
  using backend = referenceBackend();
  const wall: LayerSpec = {
    kind: "wall",
    build: ({ name, input }) => ({
      name,
      output: input,
      parameter: undefined,
      capture: undefined,
      forward: (x) => x,
      backward: () => assert.fail("there is nothing to train below"),
      [Symbol.dispose]() {},
    }),
  };
  using model = sequential(backend, {
    input: [4],
    layers: [dense(5, { trainable: false }), wall, tanh(), dense(3)],
    seed: 1,
  });
  using optimizer = optim.tekfac(problemOf(model));
  optimizer.stepSync(makeBatch(8, 1));
  model.freeze();
  const before = weightsOf(model);
  optimizer.stepSync(makeBatch(8, 2));
  assert.deepEqual(weightsOf(model), before);
});

Deno.test("a frozen batchNorm2d takes its running moments, keeps them, and passes gradients on", () => {
  using backend = referenceBackend();
  using model = sequential(backend, {
    input: [4, 4, 1],
    layers: [
      conv2d(2, { kernel: 3 }),
      batchNorm2d({ trainable: false }),
      tanh(),
      flatten(),
      dense(3),
    ],
    seed: 1,
  });
  const moments = model.state["batchNorm1.runningMoments"];
  backend.write(moments, [0.3, -0.2, 2, 0.5]);
  const goal = objective(model, softmaxCrossEntropy());
  const batch = {
    inputs: Float64Array.from({ length: 48 }, (_, i) => Math.sin(i)),
    targets: [0, 2, 1],
  };
  const [{ value, gradient }] = model.parameters;
  const weights = [...backend.readSync(value)];
  const lossAt = (moved: number[]): number => {
    backend.write(value, moved);
    return backend.scope(() => {
      goal.examplesOf(batch);
      const losses = backend.readSync(goal.differentiate(batch, { decay: 0, scale: 1 / 3 }));
      return [...losses].reduce((sum, loss) => sum + loss, 0) / 3;
    });
  };
  const h = 1e-5;
  const expected = weights.map((_, i) => {
    const at = (by: number) => lossAt(weights.map((w, j) => j === i ? w + by : w));
    return (at(h) - at(-h)) / (2 * h);
  });
  lossAt(weights);
  allClose(backend.readSync(gradient), expected, { absolute: 1e-9, relative: 1e-7 });
  assert.deepEqual([...backend.readSync(moments)], [0.3, -0.2, 2, 0.5]);
});
