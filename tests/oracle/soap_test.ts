/** The library's SOAP follows the published update, written in plain loops, step by step. */
import assert from "#assert";
import {
  dense,
  objective,
  readWeightsSync,
  sequential,
  squaredError,
  tanh,
  writeWeights,
} from "@tekfac/tekfac/nn";
import { soap } from "@tekfac/tekfac/optim";
import { allClose, eachBackend } from "@tekfac/tekfac/testing";
import type { Backend } from "@tekfac/tekfac/backend";
import fc from "#fast-check";
import { vec } from "./dense.ts";
import { randomRegression, type Regression } from "./regression.ts";
import { type SoapHyper, trainSoap } from "./soap.ts";
import { referenceBackend } from "../optim/problem.ts";

/** Losses and weights of the library's course. */
function courseOf(backend: Backend, { batches, weights }: Regression, hyper: SoapHyper) {
  using model = sequential(backend, { input: [4], layers: [dense(4), tanh(), dense(4)] });
  model.parameters.forEach((parameter, l) => writeWeights(backend, parameter, vec(weights[l])));
  using optimizer = soap(objective(model, squaredError()), {
    learningRate: hyper.lr,
    beta1: hyper.beta1,
    beta2: hyper.beta2,
    shampooBeta: hyper.shampooBeta,
    epsilon: hyper.epsilon,
    preconditionFrequency: hyper.frequency,
    factors: hyper.kl ? "kl" : "shampoo",
    maxPreconditionerSize: hyper.largest,
    weightDecay: { kind: "decoupled", value: hyper.weightDecay, include: () => true },
  });
  const losses = batches.slice(0, hyper.steps).map(({ x, y }) =>
    optimizer.stepSync({ inputs: vec(x), targets: vec(y) }).loss
  );
  return { losses, weights: model.parameters.map((p) => [...readWeightsSync(backend, p)]) };
}

const unit = (max: number): fc.Arbitrary<number> => fc.double({ min: 0, max, noNaN: true });
const hypers: fc.Arbitrary<SoapHyper> = fc.record({
  steps: fc.constant(9),
  lr: fc.double({ min: 1e-3, max: 0.05, noNaN: true }),
  beta1: unit(0.98),
  beta2: fc.double({ min: 0.5, max: 0.99, noNaN: true }),
  shampooBeta: fc.double({ min: 0.5, max: 0.99, noNaN: true }),
  epsilon: fc.constant(1e-8),
  frequency: fc.integer({ min: 1, max: 9 }),
  largest: fc.constantFrom(0, 4, 5),
  kl: fc.boolean(),
  weightDecay: unit(0.1),
});

Deno.test("soap() follows the published update for random hyperparameters", () =>
  fc.assert(
    fc.property(fc.nat(), hypers, (seed, hyper) => {
      const problem = randomRegression(seed, hyper.steps);
      const expected = trainSoap(problem, hyper);
      using backend = referenceBackend();
      const { losses, weights } = courseOf(backend, problem, hyper);
      // Rounding over the gap is the error of an eigenvector; there are nine steps of it.
      const absolute = 50 * Number.EPSILON / expected.gap;
      const near = (actual: number[], expected: number[], label: string) =>
        allClose(actual, expected, { absolute, label });
      near(losses, expected.losses.slice(0, -1), "losses");
      weights.forEach((w, l) => near(w, vec(expected.weights[l]), `weights of layer ${l}`));
      assert.equal(backend.memory().handles, 0, "matrices were not disposed");
    }),
    { seed: 20240917, numRuns: 40, endOnFailure: true },
  ));

for (const kl of [false, true]) {
  const name = kl ? "soap() with factors 'kl'" : "soap()";
  eachBackend(Deno.test, `${name} keeps to the published course of losses`, (backend) => {
    const hyper: SoapHyper = {
      steps: 25,
      lr: 0.01,
      beta1: 0.95,
      beta2: 0.95,
      shampooBeta: 0.95,
      epsilon: 1e-8,
      frequency: 10,
      kl,
      largest: 10_000,
      weightDecay: 0.01,
    };
    const problem = randomRegression(3, hyper.steps);
    const expected = trainSoap(problem, hyper);
    const { losses } = courseOf(backend, problem, hyper);
    // Directions are of length lr whatever the gradient, so errors of the basis enter as they are.
    const absolute = 25 * backend.info.roundoff / expected.gap * expected.losses[0];
    allClose(losses, expected.losses.slice(0, -1), { absolute });
  });
}
