/** Losses of regression train with every default: outliers, and variances that follow the data. */
import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import {
  type BatchLike,
  dense,
  gaussianNll,
  huber,
  type ModelObjective,
  objective,
  sequential,
  tanh,
} from "@tekfac/tekfac/nn";
import { adam, ekfac, kfac, type Optimizer, tekfac } from "@tekfac/tekfac/optim";

/** y = sin 2x with noise whose deviation is 0.05 on the left and 0.5 on the right; `outliers` of it far off. */
function batchOf(outliers: number): BatchLike {
  const random = new Random(1);
  const inputs = Array.from({ length: 256 }, () => 2 * random.uniform() - 1);
  const targets = inputs.map((x) =>
    Math.sin(2 * x) + (x < 0 ? 0.05 : 0.5) * random.normal() +
    (random.uniform() < outliers ? 30 : 0)
  );
  return { inputs, targets };
}

const optimizers: Record<string, (problem: ModelObjective) => Optimizer<BatchLike>> = {
  "adam()": (problem) => adam(problem, { learningRate: 1e-2 }),
  "ekfac()": (problem) => ekfac(problem),
  "kfac()": (problem) => kfac(problem),
  "tekfac()": (problem) => tekfac(problem),
  "tekfac() with drawn targets": (problem) => tekfac(problem, { fisher: "monteCarlo" }),
  "tekfac() of the data's own targets": (problem) => tekfac(problem, { fisher: "perLoss" }),
};

for (const [name, create] of Object.entries(optimizers)) {
  Deno.test(`${name} fits gaussianNll() below zero, with the variances of the data`, async () => {
    using backend = await createBackend({ prefer: ["wasm"] });
    using model = sequential(backend, {
      input: [1],
      layers: [dense(24), tanh(), dense(2)],
      seed: 1,
    });
    const problem = objective(model, gaussianNll());
    using optimizer = create(problem);
    const batch = batchOf(0);
    // Weights decay all the while, which holds back the narrow side: it is near the truth late.
    for (let step = 0; step < 900; step++) optimizer.stepSync(batch);
    const { loss } = problem.evaluateSync(batch);
    // Half the log variances of the truth, and half of 1 for each residual.
    const truth = 0.5 + (Math.log(0.05) + Math.log(0.5)) / 2;
    assert(loss < truth + 0.2, `${loss}, ${truth} for the truth`);
    const [, left, , right] = problem.predictSync([-0.5, 0.5]);
    assert(right - left > 2, `log variances ${left} and ${right}`);
  });

  // Targets drawn from such a narrow density promise less curvature than most of the data have.
  if (name.endsWith("drawn targets")) continue;
  Deno.test(`${name} fits huber() through outliers`, async () => {
    using backend = await createBackend({ prefer: ["wasm"] });
    using model = sequential(backend, {
      input: [1],
      layers: [dense(24), tanh(), dense(1)],
      seed: 1,
    });
    const problem = objective(model, huber({ delta: 0.1 }));
    using optimizer = create(problem);
    const batch = batchOf(0.1);
    for (let step = 0; step < 300; step++) optimizer.stepSync(batch);
    for (const x of [-0.8, -0.4]) {
      const [y] = problem.predictSync([x]);
      assert(Math.abs(y - Math.sin(2 * x)) < 0.15, `${y} at ${x}`);
    }
  });
}
