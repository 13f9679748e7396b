/**
 * Trains a small convolutional network, saves everything to one file, and resumes from it: the
 * resumed run takes the very steps that the first one took.
 *
 *     deno run --allow-read --allow-write examples/cnn_checkpoint.ts cnn.safetensors
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  batches,
  type BatchLike,
  cnn,
  createBackend,
  glyphs,
  loadState,
  objective,
  type Optimizer,
  saveState,
  sequential,
  softmaxCrossEntropy,
  tekfac,
} from "@tekfac/tekfac";

const path = Deno.args[0] ?? "cnn.safetensors";
const { train } = glyphs({ train: 600, test: 1, seed: 3 });
const layers = cnn({ channels: [4, 8] });

/** Takes the steps of one epoch and returns the loss of the last one. */
function runEpoch(optimizer: Optimizer<BatchLike>, epoch: number): number {
  let loss = NaN;
  for (const batch of batches(train, { size: 60, shuffle: { seed: 3, epoch } })) {
    ({ loss } = optimizer.stepSync(batch));
  }
  return loss;
}

using backend = await createBackend();
using model = sequential(backend, { input: train.shape, layers, seed: 1 });
using optimizer = tekfac(objective(model, softmaxCrossEntropy()));
console.log(`epoch 0: last loss ${runEpoch(optimizer, 0)}`);

// Under a temporary name first: a process that is killed leaves no half-written file behind.
await Deno.writeFile(`${path}.part`, await saveState(optimizer, { nextEpoch: "1" }));
await Deno.rename(`${path}.part`, path);
const uninterrupted = runEpoch(optimizer, 1);

// Other initial weights: they are overwritten by those of the file.
using secondModel = sequential(backend, { input: train.shape, layers, seed: 2 });
using second = tekfac(objective(secondModel, softmaxCrossEntropy()));
const { step, extra } = loadState(second, await Deno.readFile(path));
const resumed = runEpoch(second, Number(extra.nextEpoch));
console.log(`epoch 1: last loss ${uninterrupted}, resumed at step ${step}: ${resumed}`);
assert.equal(resumed, uninterrupted);
