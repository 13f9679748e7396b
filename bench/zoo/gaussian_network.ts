/**
 * A network in plain loops that predicts a mean and the logarithm of a variance. Its loss, the negative
 * logarithm of a density, becomes negative where it is sure of itself; the library has no such loss, so
 * this is a model from outside.
 *
 * @module
 */

import type { ExternalBatch, ExternalParameter } from "@tekfac/tekfac";
import { Random } from "@tekfac/tekfac/core";
import type { Examples } from "./examples.ts";

/** ReLU layers and a head of two outputs. Layer l has weights `[W | b]`, row by row. */
export class GaussianNetwork {
  /** Weights by layer; replaced from outside. */
  weights: Readonly<Record<string, ArrayLike<number>>> = {};
  readonly #sizes: readonly number[];

  /** Of `sizes[0]` inputs and hidden layers. */
  constructor(...sizes: readonly number[]) {
    this.#sizes = [...sizes, 2];
  }

  /** Name and shape of every layer. */
  get parameters(): ExternalParameter[] {
    return this.#sizes.slice(1).map((dOut, l) => ({
      name: `dense${l + 1}`,
      layer: { kind: "dense", bias: true },
      shape: [dOut, this.#sizes[l] + 1],
    }));
  }

  /** He's initial weights, LeCun's for the head, no biases. */
  initialWeights(seed: number): Record<string, Float64Array> {
    const random = new Random(seed);
    const last = this.#sizes.length - 1;
    return Object.fromEntries(this.parameters.map(({ name, shape: [dOut, cols] }, l) => {
      const deviation = Math.sqrt((l + 1 === last ? 1 : 2) / (cols - 1));
      const weight = (_: unknown, i: number) =>
        i % cols === cols - 1 ? 0 : random.normal(0, deviation);
      return [name, Float64Array.from({ length: dOut * cols }, weight)];
    }));
  }

  /** Mean loss `(s + (y - m)^2 e^-s) / 2` of examples, for outputs m and s. */
  loss(examples: Examples): number {
    const { targets } = examples;
    const outputs = this.#forward(examples.inputs).at(-1)!;
    const losses = Array.from(targets, (y, n) => {
      const [m, s] = [outputs[2 * n], outputs[2 * n + 1]];
      return (s + (y - m) ** 2 * Math.exp(-s)) / 2;
    });
    return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  }

  /** Forward and backward pass: losses, and what every layer saw. */
  differentiate({ inputs, targets }: Pick<Examples, "inputs" | "targets">): ExternalBatch {
    const examples = targets.length;
    const activations = this.#forward(inputs);
    const outputs = activations.pop()!;
    const loss = new Float64Array(examples);
    let g: Float64Array = new Float64Array(2 * examples);
    for (let n = 0; n < examples; n++) {
      const [m, s] = [outputs[2 * n], outputs[2 * n + 1]];
      const [error, precision] = [m - targets[n], Math.exp(-s)];
      loss[n] = (s + error ** 2 * precision) / 2;
      g[2 * n] = error * precision;
      g[2 * n + 1] = (1 - error ** 2 * precision) / 2;
    }
    const captures: Record<string, { inputs: Float64Array; outputGradients: Float64Array }> = {};
    for (const [l, { name, shape }] of [...this.parameters.entries()].reverse()) {
      captures[name] = { inputs: activations[l], outputGradients: g };
      if (l > 0) g = this.#backward(g, this.weights[name], activations[l], shape);
    }
    return { examples, loss, captures };
  }

  /** Inputs of every layer, and the outputs of the last. */
  #forward(inputs: ArrayLike<number>): Float64Array[] {
    const activations = [Float64Array.from(inputs)];
    const examples = inputs.length / this.#sizes[0];
    for (const [l, { name, shape: [dOut, cols] }] of this.parameters.entries()) {
      const [a, w, out] = [activations[l], this.weights[name], new Float64Array(examples * dOut)];
      const last = l === this.#sizes.length - 2;
      for (let n = 0; n < examples; n++) {
        for (let i = 0; i < dOut; i++) {
          let sum = w[i * cols + cols - 1];
          for (let j = 0; j < cols - 1; j++) sum += w[i * cols + j] * a[n * (cols - 1) + j];
          out[n * dOut + i] = last ? sum : Math.max(0, sum);
        }
      }
      activations.push(out);
    }
    return activations;
  }

  /** Output gradients of the layer below, whose outputs are `a`. */
  #backward(
    g: Float64Array,
    w: ArrayLike<number>,
    a: Float64Array,
    [dOut, cols]: readonly [number, number],
  ): Float64Array {
    const below = new Float64Array(a.length);
    for (let n = 0; n < a.length / (cols - 1); n++) {
      for (let i = 0; i < dOut; i++) {
        const gradient = g[n * dOut + i];
        for (let j = 0; j < cols - 1; j++) below[n * (cols - 1) + j] += gradient * w[i * cols + j];
      }
    }
    return below.map((gradient, i) => a[i] > 0 ? gradient : 0);
  }
}
