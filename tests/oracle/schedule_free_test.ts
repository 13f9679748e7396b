/** The library's schedule-free AdamW follows the published update, written in plain loops, step by step. */
import type { Backend } from "@tekfac/tekfac/backend";
import {
  dense,
  objective,
  readWeightsSync,
  sequential,
  squaredError,
  tanh,
  writeWeights,
} from "@tekfac/tekfac/nn";
import { scheduleFreeAdam } from "@tekfac/tekfac/optim";
import { allClose, eachBackend } from "@tekfac/tekfac/testing";
import fc from "#fast-check";
import { vec } from "./dense.ts";
import { randomRegression, type Regression } from "./regression.ts";
import { type ScheduleFreeHyper, trainScheduleFree } from "./schedule_free.ts";
import { referenceBackend } from "../optim/problem.ts";

/** Losses, and weights of training and of evaluation, of the library's course. */
function courseOf(backend: Backend, problem: Regression, hyper: ScheduleFreeHyper) {
  const { batches, weights } = problem;
  const { steps, lr, warmup, beta1, beta2, epsilon, weightDecay } = hyper;
  using model = sequential(backend, { input: [4], layers: [dense(4), tanh(), dense(4)] });
  using optimizer = scheduleFreeAdam(objective(model, squaredError()), {
    learningRate: lr,
    annealing: (step) => Math.min(1, (step + 1) / warmup),
    beta1,
    beta2,
    epsilon,
    weightDecay: { kind: "decoupled", value: weightDecay, include: () => true },
  });
  // After the optimizer was made: Z begins with the weights of the first step.
  model.parameters.forEach((parameter, l) => writeWeights(backend, parameter, vec(weights[l])));
  const losses = batches.slice(0, steps).map(({ x, y }) =>
    optimizer.stepSync({ inputs: vec(x), targets: vec(y) }).loss
  );
  const read = () => model.parameters.flatMap((p) => [...readWeightsSync(backend, p)]);
  return { losses, x: optimizer.withAverageSync(read), y: read() };
}

const hypers: fc.Arbitrary<ScheduleFreeHyper> = fc.record({
  steps: fc.constant(12),
  lr: fc.double({ min: 1e-3, max: 0.05, noNaN: true }),
  warmup: fc.integer({ min: 1, max: 8 }),
  beta1: fc.double({ min: 0.1, max: 1, noNaN: true }),
  beta2: fc.double({ min: 0.5, max: 0.999, noNaN: true }),
  epsilon: fc.constant(1e-8),
  weightDecay: fc.double({ min: 0, max: 0.1, noNaN: true }),
});

Deno.test("scheduleFreeAdam() follows the published update for random hyperparameters", () =>
  fc.assert(
    fc.property(fc.nat(), hypers, (seed, hyper) => {
      const problem = randomRegression(seed, hyper.steps);
      const expected = trainScheduleFree(problem, hyper);
      using backend = referenceBackend();
      const { losses, x, y } = courseOf(backend, problem, hyper);
      // X is what is left of Y without Z, over beta1; a gradient near 0 has a direction of rounding.
      const absolute = 1e4 * hyper.steps * Number.EPSILON / hyper.beta1;
      allClose(losses, expected.losses, { absolute, label: "losses" });
      allClose(x, expected.x.flatMap(vec), { absolute, label: "X" });
      allClose(y, expected.y.flatMap(vec), { absolute, label: "Y" });
    }),
    { seed: 20240524, numRuns: 40, endOnFailure: true },
  ));

eachBackend(Deno.test, "scheduleFreeAdam() keeps to the published course of losses", (backend) => {
  const hyper: ScheduleFreeHyper = {
    steps: 40,
    lr: 0.01,
    warmup: 5,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weightDecay: 0.01,
  };
  const problem = randomRegression(3, hyper.steps);
  const expected = trainScheduleFree(problem, hyper);
  const { losses, x } = courseOf(backend, problem, hyper);
  const absolute = 4 * hyper.steps * backend.info.roundoff;
  allClose(losses, expected.losses, { absolute: absolute * expected.losses[0] });
  allClose(x, expected.x.flatMap(vec), { absolute: 10 * absolute });
});
