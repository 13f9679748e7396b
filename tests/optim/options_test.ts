/**
 * Whatever is given as an option: what can be meant is taken, everything else is an `OptionError` that names
 * the option. What is right is said here a second time, in kinds of values, and shares nothing with the schemas.
 */

import assert from "node:assert/strict";
import fc from "#fast-check";
import { createBackend } from "@tekfac/tekfac";
import * as nn from "@tekfac/tekfac/nn";
import * as optim from "@tekfac/tekfac/optim";
import { checkOptions, isAbout, type Kind, wrongFor } from "./kinds.ts";
import { makeBatch, problemOf, referenceBackend, smallModel } from "./problem.ts";
import { others } from "./takers.ts";

const numeric: Kind[] = ["number", "function"];

const step: Record<string, Kind[]> = {
  learningRate: numeric,
  annealing: numeric,
  momentum: [...numeric, "object", "false"],
  klClip: ["object", "false"],
  relativeChange: [...numeric, "false"],
  gradientClip: ["number", "false"],
  gradientNormClip: [...numeric, "false"],
  takeBack: ["flag"],
  weightDecay: [...numeric, "object", "false"],
  groups: ["array"],
  average: ["object", "false"],
  seed: ["number"],
  group: ["object"],
};

const kronecker: Record<string, Kind[]> = {
  ...step,
  preset: ["string"],
  damping: [...numeric, "object"],
  dampingAdaptation: ["object", "false"],
  fisher: ["string", "object"],
  observe: ["object"],
  observationLimit: ["number", "false"],
  intervals: [...numeric, "object"],
  denseStart: ["object", "false"],
  staggered: ["flag"],
  averaging: ["string"],
  factorDecay: numeric,
  eigenvalueDecay: numeric,
  staleness: ["number"],
  refresh: ["string", "object"],
  toleratedFailures: ["number"],
  workerFraction: ["number", "string"],
  blocks: ["function"],
};

const { momentum: _, ...adaptive } = step;
const adam: Record<string, Kind[]> = {
  ...adaptive,
  beta1: ["number"],
  beta2: ["number"],
  epsilon: ["number"],
};
const soap: Record<string, Kind[]> = {
  ...adam,
  shampooBeta: ["number"],
  factors: ["string"],
  preconditionFrequency: ["number"],
  maxPreconditionerSize: ["number"],
  staleness: ["number"],
  refresh: ["string", "object"],
  toleratedFailures: ["number"],
};
const muon: Record<string, Kind[]> = {
  ...adaptive,
  momentum: numeric,
  nesterov: ["flag"],
  orthogonalization: ["string"],
  iterations: ["number"],
  matrices: ["function"],
  workerFraction: ["number", "string"],
  adam: ["object"],
};
const { average: __, takeBack: ___, ...scheduleFreeAdam } = adam;
const measured = {
  ...kronecker,
  positions: ["string"],
  rank: ["number", "string", "function"],
  exponent: ["number"],
};

const optimizers = {
  sgd: step,
  adam,
  scheduleFreeAdam,
  muon,
  soap,
  kfac: { ...kronecker, split: ["string"] },
  tkfac: { ...kronecker, split: ["string"] },
  ekfac: { ...measured, eigenvaluesFrom: ["string"] },
  tekfac: { ...measured, factors: ["string"] },
} as Record<string, Record<string, Kind[]>>;

/** What the groups of each optimizer take, besides what all of them do. */
const { momentum: velocity } = step;
const averages = { beta2: adam.beta2, epsilon: adam.epsilon };
const groups: Record<string, Record<string, Kind[]>> = {
  sgd: { momentum: velocity },
  adam: { ...averages, beta1: adam.beta1 },
  scheduleFreeAdam: averages,
  muon: { momentum: muon.momentum, nesterov: muon.nesterov, adam: muon.adam },
  soap: {
    ...averages,
    ...{ beta1: adam.beta1, shampooBeta: soap.shampooBeta },
    maxPreconditionerSize: soap.maxPreconditionerSize,
  },
  kfac: { momentum: velocity, damping: kronecker.damping },
  tkfac: { momentum: velocity, damping: kronecker.damping },
  ekfac: { momentum: velocity, damping: kronecker.damping },
  tekfac: { momentum: velocity, damping: kronecker.damping },
};

for (const [name, options] of Object.entries(optimizers)) {
  Deno.test(`${name}() refuses what cannot be meant, in the option's name, and leaves nothing behind`, () => {
    using backend = referenceBackend();
    using model = smallModel(backend);
    const create = (optim as unknown as Record<string, typeof optim.sgd>)[name];
    const { handles } = backend.memory();
    checkOptions((given) => create(problemOf(model), given), options);
    for (const given of [0.1, null, "fast", [], () => 1]) {
      assert.throws(
        () => create(problemOf(model), given as never),
        (error) => isAbout(error, "options"),
      );
    }
    for (const given of [model, undefined, null, 3]) {
      assert.throws(() => create(given as never), (error) => isAbout(error, "objective"));
    }
    assert.throws(() => create(model as never), /objective\(model, loss\)/);
    assert.equal(backend.memory().handles, handles);
  });
}

for (const [name, own] of Object.entries(groups)) {
  Deno.test(`${name}() refuses what cannot be meant in a group, and what is no group's`, () => {
    using backend = referenceBackend();
    using model = smallModel(backend);
    const create = (optim as unknown as Record<string, typeof optim.sgd>)[name];
    const { handles } = backend.memory();
    const include = () => true;
    const createWith = (group: object) =>
      create(problemOf(model), { groups: [{ include, ...group }] } as never);
    const takes = {
      learningRate: step.learningRate,
      weightDecay: step.weightDecay,
      ...own,
    };
    checkOptions(createWith, takes, "groups.0.");
    for (const option of Object.keys(optimizers[name]).filter((option) => !(option in takes))) {
      assert.throws(() => createWith({ [option]: 1 }), (error) => {
        return isAbout(error, `groups.0.${option}`) &&
          /holds for all|did you mean/.test(String(error));
      });
    }
    assert.throws(() => createWith({ learninRate: 1 }), /did you mean 'groups.0.learningRate'/);
    assert.equal(backend.memory().handles, handles);
  });
}

for (const [name, [create, options]] of Object.entries(others)) {
  Deno.test(`${name}() refuses what cannot be meant, in the option's name`, () => {
    checkOptions(create, options);
  });
}

Deno.test("objective() says what it takes", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  assert.throws(() => nn.objective(model, "mse" as never), /'loss' must be a loss, such as/);
  assert.throws(() => nn.objective("mlp" as never, nn.squaredError()), /'model' must be a model/);
});

Deno.test("createBackend() refuses what cannot be meant, in the option's name", async () => {
  const kinds: Record<string, Kind[]> = {
    prefer: ["string", "array"],
    model: ["object"],
    timings: ["object"],
    module: ["object"],
    simd: ["string"],
    threads: ["number", "string"],
    workerUrl: ["string", "object"],
    allowSoftware: ["flag"],
    recovery: ["object"],
    gpu: ["object"],
    device: ["object"],
  };
  for (const [option, right] of Object.entries(kinds)) {
    await fc.assert(
      fc.asyncProperty(wrongFor(right), async (value) => {
        await assert.rejects(
          createBackend({ [option]: value } as never),
          (error) => isAbout(error, option),
        );
      }),
      { numRuns: 40, seed: 1 },
    );
  }
  await assert.rejects(createBackend(3 as never), (error) => isAbout(error, "options"));
});

/** Whose momentum is always a number. */
const muonLike = optim.muon as unknown as typeof optim.sgd;

/** Where a function of the step may stand, and a value that its option does not take. */
const schedules: Record<string, [(schedule: () => number) => object, number, typeof optim.sgd?]> = {
  learningRate: [(learningRate) => ({ learningRate }), -1],
  annealing: [(annealing) => ({ annealing }), NaN],
  relativeChange: [(relativeChange) => ({ relativeChange }), 0],
  factorDecay: [(factorDecay) => ({ factorDecay }), 1],
  eigenvalueDecay: [(eigenvalueDecay) => ({ eigenvalueDecay }), -0.1],
  "momentum.value": [(value) => ({ momentum: { on: "gradient", value } }), 1],
  "damping.tau": [(tau) => ({ damping: { kind: "relative", tau } }), 0],
  "damping.lambda": [(lambda) => ({ damping: lambda }), 0],
  "klClip.kappa": [(kappa) => ({ klClip: { kind: "measured", kappa } }), Infinity],
  "weightDecay.value": [(value) => ({ weightDecay: { kind: "decoupled", value } }), -1],
  "intervals.basis": [(basis) => ({ intervals: { basis } }), 1.5],
  "groups.0.learningRate": [(learningRate) => ({
    groups: [{ include: () => true, learningRate }],
  }), -1],
  "groups.0.momentum": [
    (momentum) => ({ groups: [{ include: () => true, momentum }] }),
    1,
    muonLike,
  ],
  "groups.0.momentum.value": [(value) => ({
    groups: [{ include: () => true, momentum: { on: "update", value } }],
  }), 1],
  "groups.0.damping.lambda": [(damping) => ({ groups: [{ include: () => true, damping }] }), 0],
  "adam.learningRate": [(learningRate) => ({ adam: { learningRate } }), -1, muonLike],
  momentum: [(momentum) => ({ momentum }), 1, muonLike],
};

for (const [option, [make, wrong, create = optim.tekfac]] of Object.entries(schedules)) {
  Deno.test(`a function of the step as ${option} passes the range of a number, before a step begins`, () => {
    using backend = referenceBackend();
    using model = smallModel(backend);
    let value: number | undefined;
    using optimizer = create(
      problemOf(model),
      make(() => value ?? (option === "intervals.basis" ? 2 : 0.5)),
    );
    const batch = makeBatch(8, 1);
    optimizer.stepSync(batch);
    value = wrong;
    const before = [
      ...model.parameters.map((p) => p.value),
      ...Object.values(
        optimizer.preconditioner.state,
      ),
    ].map((m) => [...backend.readSync(m)]);
    assert.throws(
      () => optimizer.stepSync(batch),
      (error) => isAbout(error, option) && /^Cannot take step 1/.test((error as Error).message),
    );
    const after = [
      ...model.parameters.map((p) => p.value),
      ...Object.values(
        optimizer.preconditioner.state,
      ),
    ].map((m) => [...backend.readSync(m)]);
    assert.deepEqual(after, before);
    assert.equal(optimizer.stepCount, 1);
    value = undefined;
    optimizer.stepSync(batch);
  });
}

Deno.test("what is typed for short is what it stands for in full", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using short = optim.tekfac(problemOf(model), {
    damping: 0.1,
    momentum: 0.9,
    weightDecay: 1e-2,
    klClip: false,
    refresh: "background",
    fisher: "monteCarlo",
    intervals: 5,
  });
  using full = optim.tekfac(problemOf(model), {
    damping: { kind: "absolute", lambda: 0.1 },
    momentum: { on: "gradient", value: 0.9 },
    weightDecay: { kind: "decoupled", value: 1e-2 },
    klClip: false,
    refresh: { kind: "background" },
    fisher: { kind: "monteCarlo" },
    intervals: { statistics: 5, basis: 5, eigenvalues: 5 },
  });
  assert.deepEqual(short.options, full.options);
  assert(Object.isFrozen(short.options) && Object.isFrozen(short.options.momentum));
  using sgd = optim.sgd(problemOf(model), { momentum: 0.5 });
  assert.deepEqual(sgd.options.momentum, { on: "update", value: 0.5, nesterov: false });
});
