/**
 * Two optimizers in one loop of our own: equal initial weights, equal batches.
 *
 *     deno run examples/compare.ts
 *
 * @module
 */

import {
  adam,
  averagePool2d,
  batches,
  cosine,
  createBackend,
  glyphs,
  mlp,
  objective,
  sequential,
  softmaxCrossEntropy,
  tekfac,
} from "@tekfac/tekfac";

const epochs = 4, size = 100, seed = 2;
const { train, test } = glyphs({ train: 3000, test: 1000, seed });
const annealing = cosine(epochs * train.labels.length / size);

using backend = await createBackend();
const contestants = [
  { name: "tekfac", create: tekfac, options: { annealing } },
  // The best learning rate of 3e-3, 1e-2 and 3e-2.
  { name: "adam", create: adam, options: { annealing, learningRate: 3e-2 } },
].map(({ name, create, options }) => {
  const layers = [averagePool2d({ kernel: 2 }), ...mlp({ hidden: [32] })];
  const model = sequential(backend, { input: train.shape, layers, seed });
  const problem = objective(model, softmaxCrossEntropy());
  return { name, model, problem, optimizer: create(problem, options), milliseconds: 0 };
});

for (let epoch = 0; epoch < epochs; epoch++) {
  for (const batch of batches(train, { size, shuffle: { seed, epoch } })) {
    for (const contestant of contestants) {
      contestant.milliseconds += contestant.optimizer.stepSync(batch).milliseconds;
    }
  }
  for (const { name, problem, milliseconds } of contestants) {
    const learned = problem.evaluateSync(batches(train, { size: 500 }));
    const held = problem.evaluateSync(batches(test, { size: 500 }));
    console.log(
      `epoch ${epoch + 1}  ${name.padEnd(6)}  training loss ${learned.loss.toFixed(4)}  ` +
        `test accuracy ${(100 * held.accuracy!).toFixed(1)} %  ${
          (milliseconds / 1000).toFixed(2)
        } s`,
    );
  }
}

for (const { model, optimizer } of contestants) {
  optimizer[Symbol.dispose]();
  model[Symbol.dispose]();
}
