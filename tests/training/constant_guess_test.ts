import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { splitDataset, table, weighted } from "@tekfac/tekfac/data";
import {
  dense,
  type Loss,
  objective,
  sequential,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  squaredError,
  writeWeights,
} from "@tekfac/tekfac/nn";
import { sgd } from "@tekfac/tekfac/optim";
import { train } from "@tekfac/tekfac/training";

/** Whether anything is said of a model that gives every example the same answer. */
async function noteAt(
  loss: Loss,
  targets: number[] | number[][],
  bias: number[],
  weights?: number[],
): Promise<boolean> {
  const inputs = Array.from({ length: targets.length }, (_, i) => [i]);
  const classes = loss.kind === "softmaxCrossEntropy" ? { classes: bias.length } : {};
  const plain = table({ inputs, targets, ...classes });
  const data = weights === undefined ? plain : weighted(plain, { examples: weights });
  using backend = await createBackend({ prefer: ["reference"] });
  using model = sequential(backend, { input: [1], layers: [dense(bias.length)], seed: 1 });
  writeWeights(backend, model.parameters[0], bias.flatMap((value) => [0, value]));
  const goal = objective(model, loss);
  using optimizer = sgd(goal, { learningRate: 0, momentum: false });
  const { notes } = await train({
    objective: goal,
    optimizer,
    data: { train: data, test: splitDataset(plain, { testShare: 0.5, seed: 1 }).test },
    epochs: 30,
    batchSize: targets.length,
    seed: 1,
  });
  return notes.length > 0;
}

Deno.test("train() notes a loss at the level of the best constant answer, of every loss", async () => {
  assert(await noteAt(softmaxCrossEntropy(), [0, 0, 0, 1], [Math.log(3), 0]));
  assert(await noteAt(softmaxCrossEntropy(), [0, 0, 0, 1], [0, 0], [1, 1, 1, 3]));
  const logit = (p: number) => Math.log(p / (1 - p));
  assert(
    await noteAt(sigmoidCrossEntropy(), [[1, 0.5], [0, 0], [0, 0.25]], [logit(1 / 3), logit(0.25)]),
  );
  assert(await noteAt(squaredError(), [[1, 5], [3, 9]], [2, 7]));
  assert(await noteAt(squaredError({ over: "mean" }), [[1, 5], [3, 9]], [2, 7]));
});

Deno.test("train() notes nothing of a loss that is lower", async () => {
  // Answers that know the class: no constant, but inputs 0 and 1 tell.
  const data = table({ inputs: [[0], [1]], targets: [-1, 1] });
  using backend = await createBackend({ prefer: ["reference"] });
  using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
  writeWeights(backend, model.parameters[0], [0.04, -0.02]); // loss (0.98)^2 / 2 = 0.96 of the constant's
  const goal = objective(model, squaredError());
  using optimizer = sgd(goal, { learningRate: 0, momentum: false });
  const parts = { train: data, test: data };
  const { notes } = await train({
    ...{ objective: goal, optimizer, data: parts, epochs: 30, batchSize: 2, seed: 1 },
  });
  assert.deepEqual(notes, []);
});
