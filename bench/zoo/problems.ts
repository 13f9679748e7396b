/**
 * Problems made by program, the same in every run.
 *
 * @module
 */

import { Random } from "@tekfac/tekfac/core";
import type { Examples } from "./examples.ts";

/**
 * Three classes that a linear model could tell apart: six features, of which those of the class's residue
 * modulo three are higher by 1 than the others, and uniform noise in [-1/4, 1/4].
 */
export function residueClasses(count: number, seed = 1, scale = 1): Examples {
  const [features, classes] = [6, 3];
  let state = seed;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const inputs = new Float32Array(count * features);
  const targets = new Uint8Array(count);
  for (let n = 0; n < count; n++) {
    targets[n] = Math.floor(uniform() * classes);
    for (let j = 0; j < features; j++) {
      const signal = j % classes === targets[n] ? 1 : 0;
      inputs[n * features + j] = scale * (signal + 0.5 * (uniform() - 0.5));
    }
  }
  return { inputs, targets, features, outputs: 1 };
}

/** A smooth function of three of eight features, with noise to learn from and without to be judged by. */
export function waveRegression(
  seed: number,
  noise = 0.3,
): { readonly train: Examples; readonly test: Examples } {
  const random = new Random(seed + 10);
  const draw = (count: number, deviation: number): Examples => {
    const features = 8;
    const inputs = Float32Array.from({ length: count * features }, () => random.normal());
    const targets = Float32Array.from({ length: count }, (_, n) => {
      const [a, b, c] = inputs.subarray(n * features);
      return Math.sin(2 * a) + 0.5 * b * c + deviation * random.normal();
    });
    return { inputs, targets, features, outputs: 1 };
  };
  return { train: draw(1000, noise), test: draw(1000, 0) };
}

/** A linear function with a mean far from zero: targets `3 + x_1 - 2 x_2` of 64 fixed examples. */
export function offsetRegression(): Examples {
  const [count, features] = [64, 6];
  const inputs = Float32Array.from({ length: count * features }, (_, i) => Math.sin(0.37 * i * i));
  const targets = Float32Array.from({ length: count }, (_, n) => {
    const [a, b] = inputs.subarray(n * features);
    return 3 + a - 2 * b;
  });
  return { inputs, targets, features, outputs: 1 };
}

/** What a small network of eight hyperbolic tangents says of ten normal features; no noise. */
export function taughtRegression(): Examples {
  const random = new Random(5);
  const [count, features, units] = [2048, 10, 8];
  const normals = (length: number, deviation: number): Float64Array =>
    Float64Array.from({ length }, () => deviation * random.normal());
  const inputs = Float32Array.from(normals(count * features, 1));
  const hidden = normals(units * features, 1 / Math.sqrt(features));
  const head = normals(units, 1 / Math.sqrt(units));
  const targets = Float32Array.from({ length: count }, (_, n) => {
    const x = inputs.subarray(n * features, (n + 1) * features);
    return head.reduce((sum, weight, unit) => {
      const drive = x.reduce((total, value, j) => total + hidden[unit * features + j] * value, 0);
      return sum + weight * Math.tanh(drive);
    }, 0);
  });
  return { inputs, targets, features, outputs: 1 };
}

/** Half the variance of the targets: the loss of the best constant. */
export function halfVariance({ targets }: Examples): number {
  const values = [...targets];
  const mean = values.reduce((sum, y) => sum + y, 0) / values.length;
  return values.reduce((sum, y) => sum + (y - mean) ** 2, 0) / (2 * values.length);
}
