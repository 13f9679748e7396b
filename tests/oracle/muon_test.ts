/** The library's Muon follows the published update, written in plain loops, step by step. */
import type { Backend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import {
  dense,
  objective,
  readWeightsSync,
  sequential,
  squaredError,
  tanh,
  writeWeights,
} from "@tekfac/tekfac/nn";
import { muon } from "@tekfac/tekfac/optim";
import { allClose, eachBackend } from "@tekfac/tekfac/testing";
import fc from "#fast-check";
import { fill, vec } from "./dense.ts";
import { type MuonHyper, trainMuon } from "./muon.ts";
import type { Regression } from "./regression.ts";
import { referenceBackend } from "../optim/problem.ts";

/** Layers that are tall, wide and square without their bias. */
function regression(seed: number, steps: number): Regression {
  const random = new Random(seed);
  const normals = (cols: number) => fill(24, cols, () => random.normal());
  const layer = (rows: number, cols: number) => fill(rows, cols + 1, () => random.normal(0, 0.5));
  return {
    batches: Array.from({ length: steps + 1 }, () => ({ x: normals(4), y: normals(2) })),
    weights: [layer(7, 4), layer(3, 7), layer(3, 3), layer(2, 3)],
  };
}

/** Losses and weights of the library's course. */
function courseOf(backend: Backend, { batches, weights }: Regression, hyper: MuonHyper) {
  const layers = [dense(7), tanh(), dense(3), tanh(), dense(3), tanh(), dense(2)];
  using model = sequential(backend, { input: [4], layers });
  model.parameters.forEach((parameter, l) => writeWeights(backend, parameter, vec(weights[l])));
  const { lr, momentum, nesterov, iterations, adamRate, beta1, beta2, epsilon } = hyper;
  using optimizer = muon(objective(model, squaredError()), {
    learningRate: lr,
    momentum,
    nesterov,
    iterations,
    adam: { learningRate: adamRate, beta1, beta2, epsilon },
    weightDecay: { kind: "decoupled", value: hyper.weightDecay },
  });
  const losses = batches.slice(0, hyper.steps).map(({ x, y }) =>
    optimizer.stepSync({ inputs: vec(x), targets: vec(y) }).loss
  );
  return { losses, weights: model.parameters.map((p) => [...readWeightsSync(backend, p)]) };
}

/** The most that the iteration multiplies an error of a small singular value with. */
const amplification = (iterations: number): number => 3.4445 ** iterations;

const unit = (max: number): fc.Arbitrary<number> => fc.double({ min: 0, max, noNaN: true });
const hypers: fc.Arbitrary<MuonHyper> = fc.record({
  steps: fc.constant(9),
  lr: fc.double({ min: 1e-3, max: 0.05, noNaN: true }),
  momentum: unit(0.98),
  nesterov: fc.boolean(),
  iterations: fc.integer({ min: 1, max: 6 }),
  adamRate: fc.double({ min: 1e-4, max: 0.02, noNaN: true }),
  beta1: unit(0.95),
  beta2: fc.double({ min: 0.5, max: 0.99, noNaN: true }),
  epsilon: fc.constant(1e-8),
  weightDecay: unit(0.1),
});

Deno.test("muon() follows the published update for random hyperparameters", () =>
  fc.assert(
    fc.property(fc.nat(), hypers, (seed, hyper) => {
      const problem = regression(seed, hyper.steps);
      const expected = trainMuon(problem, hyper);
      using backend = referenceBackend();
      const { losses, weights } = courseOf(backend, problem, hyper);
      const absolute = hyper.steps * amplification(hyper.iterations) * Number.EPSILON;
      allClose(losses, expected.losses, { absolute: 10 * absolute, label: "losses" });
      weights.forEach((w, l) =>
        allClose(w, vec(expected.weights[l]), { absolute, label: `weights of layer ${l}` })
      );
    }),
    { seed: 20241208, numRuns: 40, endOnFailure: true },
  ));

eachBackend(Deno.test, "muon() keeps to the published course of losses", (backend) => {
  const hyper: MuonHyper = {
    steps: 25,
    lr: 0.02,
    momentum: 0.95,
    nesterov: true,
    iterations: 5,
    adamRate: 0.003,
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-10,
    weightDecay: 0.01,
  };
  const problem = regression(3, hyper.steps);
  const expected = trainMuon(problem, hyper);
  const { losses } = courseOf(backend, problem, hyper);
  const absolute = hyper.steps * hyper.lr * amplification(5) * backend.info.roundoff *
    expected.losses[0];
  allClose(losses, expected.losses, { absolute });
});
