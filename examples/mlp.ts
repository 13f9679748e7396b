/**
 * Trains a small multilayer perceptron on the built-in digits.
 *
 *     deno run examples/mlp.ts
 *
 * @module
 */

import {
  averagePool2d,
  cosine,
  createBackend,
  glyphs,
  mlp,
  objective,
  sequential,
  softmaxCrossEntropy,
  tekfac,
} from "@tekfac/tekfac";
import { train } from "@tekfac/tekfac/training";

const epochs = 5, batchSize = 100, seed = 1;
const data = glyphs({ train: 4000, test: 1000, seed });

using backend = await createBackend();
console.log(`backend: ${backend.info.description}`);

// Means of 2 x 2 pixels: the first layer's input factor is then 197 x 197 instead of 785 x 785.
using model = sequential(backend, {
  input: data.train.shape,
  layers: [averagePool2d({ kernel: 2 }), ...mlp({ hidden: [64] })],
  seed,
});
console.log(model.describe());

const problem = objective(model, softmaxCrossEntropy());
using optimizer = tekfac(problem, {
  annealing: cosine(epochs * data.train.labels.length / batchSize),
});
console.log(optimizer.describe());

const { testAccuracy, trainLoss, stepMs } = await train({
  objective: problem,
  optimizer,
  data,
  epochs,
  batchSize,
  seed,
  observer: {
    onEpoch({ epoch, runningLoss, testAccuracy }) {
      const accuracy = (100 * testAccuracy!).toFixed(1);
      console.log(`epoch ${epoch}: loss ${runningLoss.toFixed(4)}, test accuracy ${accuracy} %`);
    },
  },
});
console.log(
  `training loss ${trainLoss.toFixed(4)}, test accuracy ${(100 * testAccuracy!).toFixed(1)} %, ` +
    `${stepMs.toFixed(1)} ms per step`,
);
