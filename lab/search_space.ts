/**
 * What a search may set on each optimizer: one table, beside the recipes it starts from.
 *
 * @module
 */

import { OptionError, Random } from "@tekfac/tekfac/core";
import type { OptimizerName, OptimizerSettings } from "@tekfac/tekfac/optim";

/** The values a key may take. */
export type Dimension =
  /** Any number between the two, its logarithm being uniform. */
  | { readonly kind: "log"; readonly from: number; readonly to: number }
  /** One of these. */
  | { readonly kind: "choice"; readonly values: readonly number[] };

/**
 * What can be searched:
 *
 * - `learningRate`: of `sgd`, `adam`, `muon` and `soap`. With the others it is only the cap of a clipped step.
 * - `adamRate`: of what `muon` leaves to Adam, biases and the last layer.
 * - `momentum`: share of the past in the velocity or, for `adam` and `soap`, in the first moment (beta1).
 * - `batch`: examples per step, as a multiple of what the comparison is set to.
 * - `tau`: relative damping. `kappa`: bound on the measured length of a step.
 * - `averages`: weight of the past in factors and eigenvalues, or in SOAP's factors and second moments.
 * - `weightDecay`: decoupled, per step of rate 1; 0 for none.
 */
export const searchKeys = [
  "learningRate",
  "adamRate",
  "momentum",
  "batch",
  "tau",
  "kappa",
  "averages",
  "weightDecay",
] as const;

/** One of {@linkcode searchKeys}. */
export type SearchKey = typeof searchKeys[number];

/** The keys of one optimizer. */
export type SearchSpace = Readonly<Partial<Record<SearchKey, Dimension>>>;

/** A place in a search space. A key that is missing stays as the recipe has it; `{}` is the recipe. */
export type SearchPoint = Readonly<Partial<Record<SearchKey, number>>>;

const log = (from: number, to: number): Dimension => ({ kind: "log", from, to });
const choice = (...values: number[]): Dimension => ({ kind: "choice", values });

/** Small batches make first-order methods strong rivals per epoch, so they may choose them. */
const firstOrder = {
  momentum: choice(0.8, 0.9, 0.95),
  batch: choice(1 / 8, 1 / 4, 1 / 2, 1),
  weightDecay: choice(0, 1e-2, 1e-1),
};

const kronecker = {
  tau: log(0.03, 3),
  kappa: log(0.01, 0.3),
  momentum: choice(0.8, 0.9, 0.95),
  averages: choice(0.9, 0.95, 0.98),
  weightDecay: choice(0, 7e-4, 3e-3),
  batch: choice(1 / 4, 1 / 2, 1),
};

/** The search space of every optimizer. */
export const searchSpaces: Readonly<Record<OptimizerName, SearchSpace>> = {
  tekfac: kronecker,
  ekfac: kronecker,
  tkfac: kronecker,
  kfac: kronecker,
  soap: { ...firstOrder, learningRate: log(1e-3, 0.1), averages: choice(0.9, 0.95, 0.98) },
  muon: { ...firstOrder, learningRate: log(3e-3, 0.3), adamRate: log(3e-4, 3e-2) },
  adam: { ...firstOrder, learningRate: log(1e-4, 3e-2) },
  sgd: { ...firstOrder, learningRate: log(1e-3, 1), weightDecay: choice(0, 1e-3, 1e-2) },
};

/**
 * The places that a search tries: the recipe first, then random ones. They depend on the seed alone, so
 * that the luck of the draw does not decide between optimizers: where two of them share a key with an
 * equal dimension, trials of equal number have equal values there. More trials begin with the same
 * places as fewer.
 *
 * @param optimizer Whose space.
 * @param options `trials` >= 1 places; `keys` are the ones that vary, others stay as the recipe has
 * them; an optimizer with none of them would try its recipe again and again.
 *
 * @example Five settings of TEKFAC, of which two quantities vary
 * ```ts
 * import assert from "node:assert/strict";
 * import { describePoint, searchPoints } from "./search_space.ts";
 *
 * const points = searchPoints("tekfac", { trials: 5, seed: 1, keys: ["tau", "momentum"] });
 * assert.equal(describePoint(points[0]), "as in the recipe");
 * assert.match(describePoint(points[1]), /^momentum [\d.]+, tau [\d.]+$/);
 * assert(points.slice(1).every(({ tau }) => tau! >= 0.03 && tau! < 10));
 * ```
 */
export function searchPoints(
  optimizer: OptimizerName,
  { trials, seed, keys = searchKeys }: {
    readonly trials: number;
    readonly seed: number;
    readonly keys?: readonly SearchKey[];
  },
): SearchPoint[] {
  const random = new Random(seed);
  const space = searchSpaces[optimizer];
  return Array.from({ length: trials }, (_, trial): SearchPoint => {
    if (trial === 0) return {};
    const point: Partial<Record<SearchKey, number>> = {};
    for (const key of searchKeys) {
      // Drawn for every key, wanted or not: the next key's number is then the same for everyone.
      const share = random.uniform();
      const dimension = space[key];
      if (dimension !== undefined && keys.includes(key)) point[key] = valueAt(dimension, share);
    }
    return point;
  });
}

/**
 * The value of a dimension at a share of its range in [0, 1); logarithmic ones to four digits, so that
 * they can be printed and set again.
 */
function valueAt(dimension: Dimension, share: number): number {
  if (dimension.kind === "choice") {
    return dimension.values[Math.floor(share * dimension.values.length)];
  }
  const { from, to } = dimension;
  return Number((from * (to / from) ** share).toPrecision(4));
}

/**
 * A recipe's settings with one optimizer moved to a place in its space.
 *
 * @throws {OptionError} When the optimizer has no such key.
 *
 * @example A place of TEKFAC's space, on top of a model's recipe
 * ```ts
 * import assert from "node:assert/strict";
 * import { recipes } from "@tekfac/tekfac/training";
 * import { batchAt, type SearchPoint, settingsAt } from "./search_space.ts";
 *
 * const { settings, batchSize } = recipes.cnn;
 * const point: SearchPoint = { tau: 0.3, batch: 1 / 2 };
 * const { tekfac } = settingsAt("tekfac", settings, point);
 * assert.deepEqual(tekfac.damping, { kind: "relative", tau: 0.3 });
 * assert.deepEqual(tekfac.weightDecay, settings.tekfac.weightDecay); // the recipe's
 * assert.equal(batchAt(batchSize, point), batchSize / 2);
 * assert.throws(() => settingsAt("adam", settings, { tau: 0.3 }), { name: "OptionError" });
 * ```
 */
export function settingsAt(
  optimizer: OptimizerName,
  settings: OptimizerSettings,
  point: SearchPoint,
): OptimizerSettings {
  const known = searchSpaces[optimizer];
  for (const key of Object.keys(point) as SearchKey[]) {
    if (known[key] !== undefined) continue;
    const expectation = `is not searched (known: ${Object.keys(known).join(", ")})`;
    throw new OptionError(`Cannot set ${optimizer}`, key, expectation, point[key]);
  }
  return { ...settings, [optimizer]: { ...settings[optimizer], ...optionsAt(optimizer, point) } };
}

/** The options that a place decides. */
function optionsAt(
  optimizer: OptimizerName,
  point: SearchPoint,
): object {
  const { learningRate, adamRate, momentum, tau, kappa, averages, weightDecay } = point;
  const velocity = (value: number): object => {
    if (optimizer === "adam" || optimizer === "soap") return { beta1: value };
    if (optimizer === "muon") return { momentum: value };
    return { momentum: { on: optimizer === "sgd" ? "update" : "gradient", value } };
  };
  return {
    ...(learningRate === undefined ? {} : { learningRate }),
    ...(adamRate === undefined ? {} : { adam: { learningRate: adamRate } }),
    ...(momentum === undefined ? {} : velocity(momentum)),
    ...(tau === undefined ? {} : { damping: { kind: "relative", tau } }),
    ...(kappa === undefined ? {} : { klClip: { kind: "measured", kappa } }),
    ...(averages === undefined ? {} : averagesOf(optimizer, averages)),
    ...(weightDecay === undefined ? {} : { weightDecay: decayOf(weightDecay) }),
  };
}

function averagesOf(optimizer: OptimizerName, value: number): object {
  return optimizer === "soap" ? { beta2: value } : { factorDecay: value, eigenvalueDecay: value };
}

function decayOf(value: number): object | false {
  return value === 0 ? false : { kind: "decoupled", value };
}

/** Examples per step at a place: the comparison's own number times the point's `batch`, at least 1. */
export function batchAt(batch: number, point: SearchPoint): number {
  return Math.max(1, Math.round(batch * (point.batch ?? 1)));
}

/** A place as text: `"tau 0.3, kappa 0.01"`, or `"as in the recipe"`. */
export function describePoint(point: SearchPoint): string {
  const entries = Object.entries(point);
  if (entries.length === 0) return "as in the recipe";
  return entries.map(([key, value]) => `${key} ${value}`).join(", ");
}
