/**
 * The library's optimizers follow the oracle's courses of training, step by step, whatever the
 * hyperparameters: dense solves on one side, factors, bases and captures on the other.
 */
import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import {
  type BatchLike,
  dense,
  objective,
  readWeightsSync,
  sequential,
  softmaxCrossEntropy,
  tanh,
  writeWeights,
} from "@tekfac/tekfac/nn";
import {
  ekfac,
  kfac,
  type KroneckerOptions,
  type Objective,
  type Optimizer,
  tekfac,
  tkfac,
} from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import fc from "#fast-check";
import { fill, vec } from "./dense.ts";
import type { Method } from "./fisher.ts";
import { type Course, type Hyper, type Problem, train } from "./trajectory.ts";

/**
 * Relative to the largest weight: rounding (2^-53) times the steps, divided by the relative gap of
 * eigenvalues (1e-3 and more in these problems), whose eigenvectors the measured eigenvalues belong to.
 */
const TOLERANCE = 1e-9;

const CREATE: Readonly<
  Record<Method, (goal: Objective<BatchLike>, options: KroneckerOptions) => Optimizer<BatchLike>>
> = {
  kfac,
  tkfac,
  ekfac,
  tekfac,
  ekfac_ra: (goal, options) => ekfac(goal, { ...options, eigenvaluesFrom: "runningAverage" }),
};

const adaptations = fc.record({
  interval: fc.integer({ min: 1, max: 2 }),
  decay: fc.double({ min: 0.5, max: 0.95, noNaN: true }),
  min: fc.constant(0.3),
  max: fc.constant(2),
});

const hypers: fc.Arbitrary<Hyper> = fc.record({
  steps: fc.constant(7),
  lr: fc.double({ min: 0.01, max: 0.2, noNaN: true }),
  momentum: fc.double({ min: 0, max: 0.95, noNaN: true }),
  momentumOn: fc.constantFrom("gradient" as const, "update" as const),
  betaFactors: fc.double({ min: 0, max: 0.99, noNaN: true }),
  betaTheta: fc.double({ min: 0, max: 0.99, noNaN: true }),
  tFim: fc.integer({ min: 1, max: 3 }),
  tEig: fc.integer({ min: 1, max: 4 }),
  tRe: fc.integer({ min: 1, max: 3 }),
  damping: fc.oneof(
    fc.record({
      kind: fc.constant("absolute" as const),
      lambda: fc.double({ min: 0.01, max: 1, noNaN: true }),
    }),
    fc.record({
      kind: fc.constant("relative" as const),
      tau: fc.double({ min: 0.05, max: 3, noNaN: true }),
    }),
    fc.record({
      kind: fc.constant("paper" as const),
      lambda: fc.double({ min: 0.05, max: 3, noNaN: true }),
    }),
  ),
  klClip: fc.constantFrom(1e-4, 1e-3, 1),
  klTimesLoss: fc.boolean(),
});

function problem(seed: number): Problem {
  const random = new Random(seed);
  const x = fill(24, 6, () => random.normal());
  return {
    x,
    labels: x.map(([first, second]) => (first > 0 ? 1 : 0) + (second > first ? 1 : 0)),
    weights: [fill(5, 7, () => random.normal(0, 0.4)), fill(3, 6, () => random.normal(0, 0.4))],
  };
}

/** The same hyperparameters as the library names them. */
function optionsOf(method: Method, hyper: Hyper): KroneckerOptions {
  const inverse = method === "kfac" || method === "tkfac";
  const kl = hyper.klClip!;
  return {
    preset: "paper",
    learningRate: hyper.lr,
    momentum: { on: hyper.momentumOn!, value: hyper.momentum },
    damping: hyper.damping,
    klClip: hyper.klTimesLoss ? { kind: "lossRelative", kappa: kl } : { kind: "fixed", kl },
    // The oracle solves with the factors as they are; the library renews inverses when a basis is due.
    intervals: {
      statistics: hyper.tFim,
      basis: inverse ? 1 : hyper.tEig,
      eigenvalues: hyper.tRe,
    },
    denseStart: false,
    dampingAdaptation: hyper.adaptation ?? false,
    factorDecay: hyper.betaFactors,
    eigenvalueDecay: hyper.betaTheta,
  };
}

/** Trains with the library and compares every number with the oracle's. */
function follow(
  backend: Backend,
  method: Method,
  { x, labels, weights }: Problem,
  hyper: Hyper,
  expected: Course,
): void {
  using model = sequential(backend, { input: [6], layers: [dense(5), tanh(), dense(3)] });
  model.parameters.forEach((parameter, l) => writeWeights(backend, parameter, vec(weights[l])));
  const goal = objective(model, softmaxCrossEntropy());
  using optimizer = CREATE[method](goal, optionsOf(method, hyper));
  const batch = { inputs: vec(x), targets: labels };
  const reports = Array.from({ length: hyper.steps }, () => optimizer.stepSync(batch));
  const near = (actual: ArrayLike<number>, expected: number[], label: string) =>
    allClose(actual, expected, {
      absolute: TOLERANCE * Math.max(...expected.map(Math.abs)),
      label,
    });
  near(reports.map((report) => report.loss), expected.losses.slice(0, -1), "losses");
  near(reports.map((report) => report.clipFactor), expected.clipFactors, "clip factors");
  const tried = reports.flatMap(({ adaptation }) => adaptation ?? []);
  assert.equal(tried.length, expected.adaptations.length);
  near(tried.map(({ factor }) => factor), expected.adaptations.map((a) => a.factor), "factors");
  model.parameters.forEach((parameter, l) =>
    near(readWeightsSync(backend, parameter), vec(expected.weights[l]), parameter.name)
  );
}

for (const method of ["kfac", "ekfac", "ekfac_ra", "tkfac", "tekfac"] as const) {
  Deno.test(`${method} optimizer follows the oracle for random hyperparameters`, () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), hypers, async (seed, hyper) => {
        const start = problem(seed);
        using backend = await createBackend({ prefer: ["reference"] });
        follow(backend, method, start, hyper, train(method, start, hyper));
        assert.equal(backend.memory().handles, 0, "matrices were not disposed");
      }),
      { seed: 20201127, numRuns: 30 },
    ));
}

for (const method of ["kfac", "ekfac", "tkfac", "tekfac"] as const) {
  Deno.test(`${method} optimizer adapts its damping as the oracle does with the dense quadratic model`, async () => {
    const seen = new Set<number>();
    await fc.assert(
      fc.asyncProperty(fc.nat(), hypers, adaptations, async (seed, hyper, adaptation) => {
        const start = problem(seed);
        // Long steps that no clip cuts, so that the model is sometimes wrong; few, for they magnify rounding.
        const adapted = { ...hyper, steps: 4, lr: 10 * hyper.lr, klClip: 1e3, adaptation };
        using backend = await createBackend({ prefer: ["reference"] });
        const expected = train(method, start, adapted);
        follow(backend, method, start, adapted, expected);
        for (const { rho } of expected.adaptations) {
          seen.add(rho > 3 / 4 ? 1 : rho < 1 / 4 ? -1 : 0);
        }
        assert.equal(backend.memory().handles, 0, "matrices were not disposed");
      }),
      { seed: 20201128, numRuns: 20 },
    );
    assert.equal(seen.size, 3, "the damping must have risen, fallen and stood");
  });
}
