/**
 * jax-js trains a network of its own with TEKFAC: the loss tells what its layers saw, and the optimizer
 * is a gradient transformation in the style of optax.
 *
 *     deno run -A examples/jax.ts
 *
 * @module
 */

import {
  type Array as JaxArray,
  defaultDevice,
  init,
  nn,
  numpy as np,
  tree,
} from "npm:@jax-js/jax@0.1.25";
import { batches, cosine, createBackend, glyphs, tekfac } from "@tekfac/tekfac";
import { Random } from "@tekfac/tekfac/core";
import { applyUpdates, captured, type Probe, transformation } from "@tekfac/tekfac/jax";

// jax-js may compute anywhere; what it hands over is read back once per step.
await init("wasm");
defaultDevice("wasm");

const epochs = 5, batchSize = 100, pixels = 784;
const { train, test } = glyphs({ train: 2000, test: 500, seed: 1 });

const layers = { hidden: { kind: "dense" }, out: { kind: "dense" } } as const;
const random = new Random(1);
const draw = (dIn: number, dOut: number) => {
  const numbers = Float32Array.from({ length: dIn * dOut }, () => random.normal() / Math.sqrt(dIn));
  return { w: np.array(numbers).reshape([dIn, dOut]), b: np.zeros([dOut]) };
};
let params = { hidden: draw(pixels, 32), out: draw(32, 10) };
type Params = typeof params;

/** jax-js' arrays are consumed by the functions they are given to; `ref` is for those used again. */
function logits({ hidden, out }: Params, probe: Probe, x: JaxArray): JaxArray {
  const h = np.tanh(probe("hidden", x.ref, np.dot(x, hidden.w).add(hidden.b)));
  return probe("out", h.ref, np.dot(h, out.w).add(out.b));
}

const differentiate = captured(layers, (params: Params, probe, x, targets) => {
  const logProbabilities = nn.logSoftmax(logits(params, probe, x));
  return np.mean(np.sum(logProbabilities.mul(targets), -1)).mul(-1);
});

const imagesOf = (inputs: ArrayLike<number>) =>
  np.array(Float32Array.from(inputs)).reshape([inputs.length / pixels, pixels]);

using backend = await createBackend();
const optimizer = transformation(
  backend,
  layers,
  (model) => tekfac(model, { annealing: cosine(epochs * 2000 / batchSize) }),
);
let state = await optimizer.init(tree.ref(params));
console.log(state.optimizer.describe());

for (let epoch = 0; epoch < epochs; epoch++) {
  let sum = 0;
  for (
    const { inputs, targets } of batches(train, { size: batchSize, shuffle: { seed: 1, epoch } })
  ) {
    const oneHot = nn.oneHot(np.array(Int32Array.from(targets)), 10);
    const [gradients, seen] = differentiate(tree.ref(params), imagesOf(inputs), oneHot);
    const [updates, next] = await optimizer.update(gradients, state, tree.ref(params), seen);
    params = applyUpdates(params, updates);
    state = next;
    sum += state.report!.loss * targets.length / 2000;
  }
  console.log(`epoch ${epoch}: loss ${sum.toFixed(4)}`);
}

const pass: Probe = (_, x, z) => {
  x.dispose();
  return z;
};
const [images] = batches(test, { size: 500 });
const guesses = await np.argmax(logits(params, pass, imagesOf(images.inputs)), -1).data();
const right = Array.from(images.targets).filter((label, n) => label === guesses[n]).length;
console.log(`test accuracy ${(100 * right / 500).toFixed(1)} %`);
state[Symbol.dispose]();
// The threads of jax-js would keep the program running.
Deno.exit();
