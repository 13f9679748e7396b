/**
 * From outputs of a model to classes and numbers in the units of the data, and from the data to inputs.
 *
 * @module
 */

import { denormalizeNumbers, normalizeNumbers } from "../data/normalization.ts";
import { channelsOf, sizeOf } from "../nn/example_shape.ts";
import type { ExampleShape } from "../nn/module.ts";
import type { ModelDescription } from "./description.ts";

/** What a model says of one example. */
export interface Prediction {
  /** The model's K outputs: logits of classes, or numbers in the units of the targets. */
  readonly outputs: Float64Array;
  /** Probability of each output's class or question; `undefined` where outputs are numbers. */
  readonly probabilities?: Float64Array | undefined;
  /** The most probable class, or 1 for a single sigmoid output above 1/2; `undefined` where there is none. */
  readonly index?: number | undefined;
  /** Its name, where classes have names. */
  readonly label?: string | undefined;
}

/**
 * Numbers as a model takes them: standardized where it was trained so, bytes of images as brightness.
 *
 * @param shape Of one example.
 */
export function preparedInputs(
  inputs: ArrayLike<number>,
  shape: ExampleShape,
  { standardization }: ModelDescription,
): ArrayLike<number> {
  const bytes = inputs instanceof Uint8Array || inputs instanceof Uint8ClampedArray;
  const scaled = bytes && shape.length === 3
    ? Float32Array.from(inputs, (value) => value / 255)
    : inputs;
  // What is no whole number of examples is told by the model.
  if (standardization === undefined || inputs.length % sizeOf(shape) !== 0) return scaled;
  return normalizeNumbers(scaled, standardization.inputs);
}

/**
 * What a model says of each example.
 *
 * @param all Its outputs for all of them.
 * @param shape Of the outputs of one.
 */
export function predictionsOf(
  all: Float64Array,
  shape: ExampleShape,
  description: ModelDescription,
): Prediction[] {
  const size = sizeOf(shape);
  return Array.from(
    { length: all.length / size },
    (_, n) => predictionOf(all.slice(n * size, (n + 1) * size), channelsOf(shape), description),
  );
}

function predictionOf(
  outputs: Float64Array,
  width: number,
  { outputs: kind, labels, standardization }: ModelDescription,
): Prediction {
  if (kind === "numbers") {
    const by = standardization?.targets;
    return { outputs: by === undefined ? outputs : denormalizeNumbers(outputs, by) };
  }
  const probabilities = kind === "softmax" ? softmax(outputs, width) : outputs.map(logistic);
  if (outputs.length > width) return { outputs, probabilities };
  const index = kind === "softmax"
    ? probabilities.indexOf(Math.max(...probabilities))
    : width === 1
    ? +(probabilities[0] > 0.5)
    : undefined;
  return { outputs, probabilities, index, label: index === undefined ? index : labels?.[index] };
}

/** `exp(x_i) / sum exp(x_j)` of each row, shifted by the largest so that nothing overflows. */
function softmax(logits: Float64Array, width: number): Float64Array {
  const out = new Float64Array(logits.length);
  for (let row = 0; row < out.length; row += width) {
    const largest = logits.subarray(row, row + width).reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    for (let i = row; i < row + width; i++) sum += out[i] = Math.exp(logits[i] - largest);
    for (let i = row; i < row + width; i++) out[i] /= sum;
  }
  return out;
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
