/**
 * Data drawn so that inputs and the size of gradients have to do with each other, where the factors of TEKFAC and
 * EKFAC differ (docs/WHEN.md), and a smooth function that deep networks learn.
 *
 * @module
 */

import { Random } from "@tekfac/tekfac/core";
import { type Dataset, type DatasetSplit, subset, table } from "@tekfac/tekfac/data";

/** Seed of all data: what varies from run to run are weights and order. */
const SEED = 5;

/** Numbers of an example. */
const FEATURES = 24;

/** Rows of orthonormal directions, [n, n]. */
function orthogonal(random: Random, n: number): Float64Array[] {
  const rows: Float64Array[] = [];
  for (let i = 0; i < n; i++) {
    const row = normals(random, n);
    for (const other of rows) {
      const along = dot(row, other);
      other.forEach((value, k) => row[k] -= along * value);
    }
    const length = Math.sqrt(dot(row, row));
    rows.push(row.map((value) => value / length));
  }
  return rows;
}

function normals(random: Random, n: number, deviation = 1): Float64Array {
  return Float64Array.from({ length: n }, () => deviation * random.normal());
}

function dot(x: Float64Array, y: Float64Array): number {
  return x.reduce((sum, value, i) => sum + value * y[i], 0);
}

/** A point with variances 1, 1/2, 1/3, ... along directions. */
function drawn(random: Random, mean: Float64Array, directions: readonly Float64Array[]) {
  const x = Float64Array.from(mean);
  directions.forEach((direction, i) => {
    const along = random.normal() / Math.sqrt(i + 1);
    direction.forEach((value, j) => x[j] += along * value);
  });
  return x;
}

/** Draws a place in a list, as often as its share says. */
function place(random: Random, shares: readonly number[]): number {
  let rest = random.uniform(0, shares.reduce((sum, share) => sum + share));
  let at = 0;
  while (at < shares.length - 1 && (rest -= shares[at]) > 0) at++;
  return at;
}

/** A data set of classes; the first `learned` examples are learned from. */
function classes(
  inputs: readonly Float64Array[],
  labels: readonly number[],
  learned: number,
  source: string,
): DatasetSplit {
  const all = table({
    inputs: inputs.map((x) => [...x]),
    targets: [...labels],
    classes: 10,
    source,
  });
  return parts(all, learned, labels.length);
}

function parts(all: Dataset, learned: number, count: number): DatasetSplit {
  const rows = (from: number, to: number): number[] =>
    Array.from({ length: to - from }, (_, i) => from + i);
  return { train: subset(all, rows(0, learned)), test: subset(all, rows(learned, count)) };
}

/**
 * Imbalanced classes: class k = 1..10 has frequency k^-1.5, a mean of its own, and variances along directions of
 * its own. 3,000 examples to learn from, 3,000 to be judged by.
 */
export function imbalancedClasses(): DatasetSplit {
  const random = new Random(SEED);
  const shares = Array.from({ length: 10 }, (_, k) => (k + 1) ** -1.5);
  const means = shares.map(() => normals(random, FEATURES, 0.25));
  const directions = shares.map(() => orthogonal(random, FEATURES));
  const labels = Array.from({ length: 6000 }, () => place(random, shares));
  const inputs = labels.map((k) => drawn(random, means[k], directions[k]));
  return classes(inputs, labels, 3000, "imbalanced classes");
}

/**
 * A rare cluster: 95 of 100 examples are of class 0 and lie in one half of the directions, far from what is hard;
 * the others are of nine classes that overlap, in the other half. 3,000 examples of each part.
 */
export function rareCluster(): DatasetSplit {
  const random = new Random(SEED);
  const half = FEATURES / 2;
  const turned = orthogonal(random, FEATURES);
  const means = Array.from({ length: 10 }, () => normals(random, half, 0.6));
  const labels = Array.from(
    { length: 6000 },
    () => random.uniform() < 0.95 ? 0 : 1 + random.integer(9),
  );
  const inputs = labels.map((k) => {
    const x = new Float64Array(FEATURES);
    for (let i = 0; i < half; i++) {
      const value = means[k][i] + random.normal() / Math.sqrt(i + 1);
      turned[k === 0 ? i : half + i].forEach((direction, j) => x[j] += value * direction);
    }
    return x;
  });
  return classes(inputs, labels, 3000, "a rare cluster");
}

/**
 * Heteroscedastic labels: which of ten classes is linear in the example, but the further it lies along one direction,
 * the more often is its label any of them, `1 / (1 + exp(-4 x . w))`. 3,000 examples of each part.
 */
export function heteroscedastic(): DatasetSplit {
  const random = new Random(SEED);
  const directions = orthogonal(random, FEATURES);
  const teachers = Array.from({ length: 10 }, () => normals(random, FEATURES));
  const towards = directions[0].map((x, i) => (x + directions[1][i]) / Math.sqrt(2));
  const nothing = new Float64Array(FEATURES);
  const inputs = Array.from({ length: 6000 }, () => drawn(random, nothing, directions));
  const labels = inputs.map((x) => {
    if (random.uniform() < 1 / (1 + Math.exp(-4 * dot(x, towards)))) return random.integer(10);
    const scores = teachers.map((teacher) => dot(teacher, x));
    return scores.indexOf(Math.max(...scores));
  });
  return classes(inputs, labels, 3000, "heteroscedastic labels");
}

/** What a small network of eight hyperbolic tangents says of ten normal features; no noise. */
export function teacher(): DatasetSplit {
  const random = new Random(SEED);
  const teach = teacherOf(random, 10);
  const inputs = Array.from({ length: 2560 }, () => normals(random, 10));
  const targets = inputs.map(teach);
  const all = table({ inputs: inputs.map((x) => [...x]), targets, source: "a teacher" });
  return parts(all, 2048, 2560);
}

function teacherOf(random: Random, features: number): (x: Float64Array) => number {
  const units = Array.from(
    { length: 8 },
    () => normals(random, features, 1.5 / Math.sqrt(features)),
  );
  const head = normals(random, 8, 1 / Math.sqrt(8));
  return (x) => units.reduce((sum, unit, i) => sum + head[i] * Math.tanh(dot(unit, x)), 0);
}
