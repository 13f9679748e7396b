/**
 * What the Kronecker-factored optimizers are set to unless their options say otherwise: one table.
 *
 * @module
 */

import { product, stepwise, valueAt } from "../core/schedule.ts";
import type { Damping } from "../curvature/damping.ts";
import type { Fisher } from "../curvature/fisher.ts";
import type { Averaging } from "../curvature/moving_average.ts";
import type { DenseStart, Intervals } from "../curvature/scheduler.ts";
import type { ObservedShare } from "./observation.ts";
import type { KlClip } from "./transforms/kl_clip.ts";
import type { Momentum } from "./transforms/momentum.ts";
import type { WeightDecay } from "./transforms/weight_decay.ts";

/**
 * - `"default"`: low rank, and a step that is safe on any problem and right in every unit.
 * - `"paper"`: the algorithms of the papers to the letter: full bases, statistics of the data's own targets
 *   averaged from the first observation on, TEKFAC's damping, the plain step `W <- W - lr U`.
 */
export type Preset = "default" | "paper";

/** How many directions of each side of a layer are kept. */
export type Rank = number | "full";

/** What a {@linkcode Preset} sets. */
export interface KroneckerPreset {
  /** See `StepOptions`. */
  readonly learningRate: number;
  /** See `StepOptions`. */
  readonly settling: number | false;
  /** See `StepOptions`. */
  readonly momentum: Momentum | false;
  /** See `StepOptions`. */
  readonly klClip: KlClip | false;
  /** See `StepOptions`. */
  readonly relativeChange: number | false;
  /** See `StepOptions`. */
  readonly gradientClip: number | false;
  /** See `StepOptions`. */
  readonly takeBack: boolean;
  /** See `StepOptions`. */
  readonly weightDecay: (WeightDecay & { readonly value: number }) | false;
  /** See `KroneckerOptions`. */
  readonly observationLimit: number | false;
  /** See `KroneckerOptions`. */
  readonly observe: ObservedShare;
  /** See `KroneckerOptions`. */
  readonly fisher: Fisher;
  /** See `KroneckerOptions`. */
  readonly damping: Damping;
  /** See `KroneckerOptions`. */
  readonly averaging: Averaging;
  /** See `MeasuredOptions`. */
  readonly rank: Rank;
  /** Where bases are of full rank, and hence expensive. */
  readonly fullIntervals: Required<Intervals>;
  /** Where they are of low rank. */
  readonly intervals: Required<Intervals>;
  /** See `KroneckerOptions`. */
  readonly denseStart: DenseStart | false;
}

/** The papers' own intervals differ between their experiments; these are of their order. */
const OF_THE_PAPERS = { statistics: 10, basis: 100, eigenvalues: 10 } as const;

/**
 * Steps between renewals of a basis of low rank: 10, from step 100 on 20, from 300 on 40, from 1000 on 80. It turns
 * fast at first only; what is measured in it, and the length of steps with it, stays two steps old at most.
 */
function tenToEighty(step: number): number {
  return valueAt(doubling, step);
}

const doubling = product(10, stepwise([100, 300, 1000], 2));

/** Layers up to which a preset is taken as it is. */
const SHALLOW = 8;

/**
 * A preset for a network of so many layers. Beyond eight, what every layer adds has to be less: weights that decay
 * shrink the output by their share once a layer (8 / layers of it), the network bends more under a long first step
 * (8 / layers of its radius), and of changes that multiply `sqrt(8 / layers)` was safe in plain networks of up to
 * forty layers (docs/ZOO.md).
 *
 * @example Forty layers
 * ```ts
 * import assert from "node:assert/strict";
 * import { presetFor } from "@tekfac/tekfac/optim";
 *
 * assert.equal(presetFor("default", 8).relativeChange, 0.7);
 * const { relativeChange, klClip } = presetFor("default", 32);
 * assert.equal(relativeChange, 0.35);
 * assert(klClip && klClip.kind === "measured" && klClip.opening);
 * assert.equal(klClip.opening.kappa, 0.125);
 * ```
 */
export function presetFor(name: Preset, layers: number): KroneckerPreset {
  const preset = presets[name];
  const share = Math.min(1, SHALLOW / layers);
  const { klClip, relativeChange, weightDecay } = preset;
  return {
    ...preset,
    klClip: klClip && narrowed(klClip, share),
    relativeChange: relativeChange && relativeChange * Math.sqrt(share),
    weightDecay: weightDecay && { ...weightDecay, value: weightDecay.value * share },
  };
}

/** A clip whose first radius is so much of what it was. */
function narrowed(clip: KlClip, share: number): KlClip {
  if (clip.kind !== "measured" || !clip.opening) return clip;
  const { opening } = clip;
  return { ...clip, opening: { ...opening, kappa: opening.kappa * share } };
}

/**
 * The table, for networks of up to eight layers; docs/CHOOSING.md says why.
 *
 * @example What nobody sets
 * ```ts
 * import assert from "node:assert/strict";
 * import { presets } from "@tekfac/tekfac/optim";
 *
 * assert.deepEqual(presets.default.fisher, { kind: "gaussNewton" });
 * assert.equal(presets.paper.rank, "full");
 * ```
 */
export const presets: Readonly<Record<Preset, KroneckerPreset>> = {
  default: {
    learningRate: 1,
    settling: 300,
    momentum: { on: "gradient", value: 0.9 },
    klClip: {
      kind: "measured",
      kappa: 0.05,
      opening: { kappa: 0.5, steps: 100, batch: 128 },
    },
    relativeChange: 0.7,
    gradientClip: 10,
    takeBack: true,
    weightDecay: { kind: "decoupled", value: 7e-4, batch: 32 },
    observationLimit: 1000,
    observe: { share: 1 / 8, atLeast: 16 },
    fisher: { kind: "gaussNewton" },
    damping: { kind: "relative", tau: 0.3, floor: 1e-16, noiseEdge: true },
    averaging: "corrected",
    rank: 16,
    fullIntervals: OF_THE_PAPERS,
    intervals: { statistics: 2, basis: tenToEighty, eigenvalues: 2 },
    denseStart: {},
  },
  paper: {
    learningRate: 1e-3,
    settling: false,
    momentum: false,
    klClip: false,
    relativeChange: false,
    gradientClip: false,
    takeBack: false,
    weightDecay: false,
    observationLimit: false,
    observe: { share: 1, atLeast: 1 },
    fisher: { kind: "empirical" },
    damping: { kind: "paper" },
    averaging: "seeded",
    rank: "full",
    fullIntervals: OF_THE_PAPERS,
    intervals: OF_THE_PAPERS,
    denseStart: false,
  },
};
