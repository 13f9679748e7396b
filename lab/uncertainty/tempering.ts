/**
 * How close softmaxes in closed form come to the mean over uncertain outputs (docs/MATH.md, 8.11).
 *
 * @module
 */

import { Random } from "@tekfac/tekfac/core";

/** How much is drawn. */
export interface TemperingStudy {
  /** Cases for each number of classes, each with outputs and covariances of its own. */
  readonly cases: number;
  /** Draws for each case's mean. */
  readonly draws: number;
  readonly seed: number;
}

/** What came of one number of classes. */
export interface Tempering {
  /** K. */
  readonly classes: number;
  /** Of each of {@linkcode WAYS}: mean over cases of `sum_k p_k log(p_k / q_k)`, p being drawn. */
  readonly divergences: readonly number[];
  /** Of each: mean of the confidence in the likeliest class, less that of p. */
  readonly excess: readonly number[];
  /** c with which `v = c tr(P C P)` diverges least, P taking the mean over classes away. */
  readonly best: number;
}

/** Outputs f with the covariance `diag(own^2) + shared shared^T + common^2 1 1^T`. */
interface Case {
  readonly outputs: Float64Array;
  readonly own: Float64Array;
  readonly shared: Float64Array;
  readonly common: number;
}

/** The closed forms: what outputs are divided by is `sqrt(1 + pi v / 8)`. */
export const WAYS: readonly (readonly [name: string, v: (total: number, k: number) => number])[] = [
  ["K / (K - 1)^2", (total, k) => k / (k - 1) ** 2 * total],
  ["1 / (K - 1)", (total, k) => total / (k - 1)],
  ["2 / (K - 1)", (total, k) => 2 * total / (k - 1)],
  ["none", () => 0],
];

/** Sizes of outputs and of their deviations: from a glance to all but certain, from sure to lost. */
const [SIZES, DEVIATIONS] = [[1, 2, 4, 8], [0.5, 1, 2, 4]];

/** What the shift of all outputs deviates by; a softmax does not see it. */
const COMMON = 10;

/** The study, for one number of classes. */
export function studyTempering(
  classes: number,
  { cases: count, draws, seed }: TemperingStudy,
): Tempering {
  const random = new Random(seed + classes);
  const cases = Array.from({ length: count }, (_, i) => drawnCase(random, classes, i));
  const means = cases.map((one) => meanSoftmax(random, one, draws));
  const totals = cases.map(spreadOf);
  const judge = (v: (total: number) => number): { divergence: number; excess: number } => {
    let [divergence, excess] = [0, 0];
    cases.forEach(({ outputs }, i) => {
      const q = softmax(outputs, 1 / Math.sqrt(1 + Math.PI * v(totals[i]) / 8));
      const p = means[i];
      q.forEach((value, k) =>
        divergence += p[k] * Math.log(p[k] / Math.max(value, 1e-300)) / count
      );
      excess += (Math.max(...q) - Math.max(...p)) / count;
    });
    return { divergence, excess };
  };
  const found = WAYS.map(([, v]) => judge((total) => v(total, classes)));
  return {
    classes,
    divergences: found.map(({ divergence }) => divergence),
    excess: found.map(({ excess }) => excess),
    best: least((c) => judge((total) => c * total).divergence),
  };
}

function drawnCase(random: Random, classes: number, i: number): Case {
  const normals = (scale: number) =>
    Float64Array.from({ length: classes }, () => scale * random.normal());
  const deviation = DEVIATIONS[Math.floor(i / SIZES.length) % DEVIATIONS.length];
  return {
    outputs: normals(SIZES[i % SIZES.length]),
    own: normals(deviation),
    shared: normals(deviation),
    common: COMMON,
  };
}

/** `tr(P C P)`, P taking means away: `tr C - 1^T C 1 / K`. */
function spreadOf({ own, shared, outputs: { length: k } }: Case): number {
  const [squares, sum] = [own, shared].map((x) =>
    x.reduce((total, value) => total + value ** 2, 0)
  );
  return squares * (1 - 1 / k) + sum - shared.reduce((total, value) => total + value, 0) ** 2 / k;
}

/** Half of the draws are the others' mirror images. */
function meanSoftmax(
  random: Random,
  { outputs, own, shared, common }: Case,
  draws: number,
): Float64Array {
  const mean = new Float64Array(outputs.length);
  for (let s = 0; s < draws / 2; s++) {
    const [along, shift] = [random.normal(), common * random.normal()];
    const noise = own.map((value, k) => value * random.normal() + shared[k] * along + shift);
    for (const sign of [1, -1]) {
      const drawn = softmax(outputs.map((f, k) => f + sign * noise[k]), 1);
      drawn.forEach((p, k) => mean[k] += p / (2 * Math.ceil(draws / 2)));
    }
  }
  return mean;
}

function softmax(outputs: Float64Array, scale: number): Float64Array {
  const largest = Math.max(...outputs);
  const powers = outputs.map((f) => Math.exp(scale * (f - largest)));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}

/** Where a function of one valley is least, between 1e-4 and 10: golden sections of the logarithm. */
function least(of: (x: number) => number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [Math.log(1e-4), Math.log(10)];
  for (let i = 0; i < 40; i++) {
    const [a, b] = [high - ratio * (high - low), low + ratio * (high - low)];
    if (of(Math.exp(a)) < of(Math.exp(b))) high = b;
    else low = a;
  }
  return Math.exp((low + high) / 2);
}
