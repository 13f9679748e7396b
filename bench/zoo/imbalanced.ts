/**
 * Classes of very unequal frequency, each with a covariance of its own.
 *
 * @module
 */

import { Random } from "@tekfac/tekfac/core";
import type { Examples } from "./examples.ts";

const [CLASSES, FEATURES, COUNT] = [10, 24, 4000];

/** Directions that are orthogonal and of length 1, row by row. */
function orthogonal(random: Random): Float64Array[] {
  const rows: Float64Array[] = [];
  for (let i = 0; i < FEATURES; i++) {
    const row = Float64Array.from({ length: FEATURES }, () => random.normal());
    for (const other of rows) {
      const along = row.reduce((sum, value, k) => sum + value * other[k], 0);
      other.forEach((value, k) => row[k] -= along * value);
    }
    const length = Math.hypot(...row);
    rows.push(row.map((value) => value / length));
  }
  return rows;
}

/**
 * 4000 examples of ten classes; class k, counted from 1, has frequency k^-1.5, a mean of its own, and
 * variances 1, 1/2, 1/3, ... along directions of its own.
 */
export function imbalancedClasses(): Examples {
  const random = new Random(5);
  const shares = Array.from({ length: CLASSES }, (_, k) => (k + 1) ** -1.5);
  const total = shares.reduce((sum, share) => sum + share);
  const means = shares.map(() => Array.from({ length: FEATURES }, () => random.normal(0, 0.55)));
  const directions = shares.map(() => orthogonal(random));
  const inputs = new Float32Array(COUNT * FEATURES);
  const targets = new Uint8Array(COUNT);
  for (let n = 0; n < COUNT; n++) {
    let [rest, label] = [random.uniform(0, total), 0];
    while (label < CLASSES - 1 && (rest -= shares[label]) > 0) label++;
    targets[n] = label;
    const x = Float64Array.from(means[label]);
    directions[label].forEach((direction, i) => {
      const along = random.normal() / Math.sqrt(i + 1);
      direction.forEach((value, j) => x[j] += along * value);
    });
    inputs.set(x, n * FEATURES);
  }
  return { inputs, targets, features: FEATURES, outputs: 1 };
}
