/**
 * Any model, any optimizer: a network in plain loops, which knows nothing of this library, hands over
 * what its layers saw as plain arrays and gets its new weights back the same way. A model of any other
 * framework is trained like this; all it needs is its layers' inputs and output gradients.
 *
 *     deno run examples/custom_model.ts
 *
 * @module
 */

import { cosine, createBackend, type ExternalBatch, externalModel, tekfac } from "@tekfac/tekfac";
import { Random } from "@tekfac/tekfac/core";

/** A tanh network with softmax cross-entropy. Layer l has weights `[W | b]`, row by row. */
export class LoopNetwork {
  /** Weights by layer, [outputs, inputs + 1] each; replaced from outside. */
  weights: Record<string, ArrayLike<number>> = {};
  readonly #sizes: readonly number[];

  /** Of `sizes[0]` inputs, hidden layers, and `sizes.at(-1)` classes. */
  constructor(...sizes: readonly number[]) {
    this.#sizes = sizes;
  }

  /** `[name, outputs, inputs + 1]` of every layer. */
  get layers(): [string, number, number][] {
    return this.#sizes.slice(1).map((out, l) => [`dense${l + 1}`, out, this.#sizes[l] + 1]);
  }

  /** Forward and backward pass: losses, and what every layer saw. */
  differentiate(inputs: ArrayLike<number>, labels: ArrayLike<number>): ExternalBatch {
    const { layers } = this, examples = labels.length;
    const activations = [inputs];
    for (const [l, [name, dOut, cols]] of layers.entries()) {
      const [a, w, out] = [activations[l], this.weights[name], new Float64Array(examples * dOut)];
      for (let n = 0; n < examples; n++) {
        for (let i = 0; i < dOut; i++) {
          let sum = w[i * cols + cols - 1];
          for (let j = 0; j < cols - 1; j++) sum += w[i * cols + j] * a[n * (cols - 1) + j];
          out[n * dOut + i] = l < layers.length - 1 ? Math.tanh(sum) : sum;
        }
      }
      activations.push(out);
    }

    // Gradients of each example's own loss, not of the mean: softmax minus the label's unit vector.
    const classes = this.#sizes.at(-1)!, loss = new Float64Array(examples);
    let g = Float64Array.from(activations.pop()!);
    for (let n = 0; n < examples; n++) {
      const z = g.subarray(n * classes, (n + 1) * classes), max = Math.max(...z);
      const logSum = max + Math.log(z.reduce((sum, x) => sum + Math.exp(x - max), 0));
      loss[n] = logSum - z[labels[n]];
      z.forEach((x, k) => z[k] = Math.exp(x - logSum) - (k === labels[n] ? 1 : 0));
    }

    const captures: Record<string, { inputs: ArrayLike<number>; outputGradients: Float64Array }> =
      {};
    for (const [l, [name, dOut, cols]] of [...layers.entries()].reverse()) {
      const a = activations[l], w = this.weights[name];
      captures[name] = { inputs: a, outputGradients: g };
      const below = new Float64Array(examples * (cols - 1));
      for (let n = 0; n < examples; n++) {
        for (let j = 0; j < cols - 1; j++) {
          let sum = 0;
          for (let i = 0; i < dOut; i++) sum += g[n * dOut + i] * w[i * cols + j];
          below[n * (cols - 1) + j] = sum * (1 - a[n * (cols - 1) + j] ** 2);
        }
      }
      g = below;
    }
    return { examples, loss, captures };
  }
}

/** Three spiral arms in the plane, one class each. */
function spirals(examples: number, random: Random): { inputs: Float64Array; labels: number[] } {
  const labels = Array.from({ length: examples }, (_, n) => n % 3);
  const inputs = Float64Array.from(labels.flatMap((label) => {
    const radius = random.uniform(), angle = 5 * radius + 2.1 * label + 0.1 * random.normal();
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  }));
  return { inputs, labels };
}

if (import.meta.main) {
  const steps = 300, random = new Random(1);
  const network = new LoopNetwork(2, 24, 24, 3);
  const { inputs, labels } = spirals(300, random);

  using backend = await createBackend();
  using model = externalModel(
    backend,
    network.layers.map(([name, ...shape]) => ({
      name,
      layer: { kind: "dense", bias: true },
      shape,
    })),
  );
  model.writeWeights(Object.fromEntries(network.layers.map(([name, dOut, cols]) => [
    name,
    Float64Array.from({ length: dOut * cols }, () => random.normal() / Math.sqrt(cols)),
  ])));
  using optimizer = tekfac(model, { annealing: cosine(steps) });

  for (let step = 0; step < steps; step++) {
    network.weights = model.readWeightsSync();
    const { loss } = optimizer.stepSync(network.differentiate(inputs, labels));
    if (step % 50 === 0 || step === steps - 1) console.log(`step ${step}: loss ${loss.toFixed(4)}`);
  }
}
