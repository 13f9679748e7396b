/**
 * What can be asked of the four Kronecker-factored optimizers.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import { checkChoice, checkKnownKeys, checkNumber } from "../core/options.ts";
import type { Parameter } from "../core/parameter.ts";
import type { Schedule } from "../core/schedule.ts";
import type { DampingAdaptation } from "../curvature/adaptation.ts";
import type { Damping } from "../curvature/damping.ts";
import type { Fisher } from "../curvature/fisher.ts";
import type { Averaging } from "../curvature/moving_average.ts";
import type { RefreshMode } from "../curvature/refresher.ts";
import type { DenseStart, Intervals } from "../curvature/scheduler.ts";
import type { Objective } from "./objective.ts";
import type { ObservedShare } from "./observation.ts";
import { type KroneckerPreset, type Preset, presets } from "./presets.ts";
import { type ResolvedStepOptions, stepOptionNames, type StepOptions } from "./step_options.ts";

/** Options of all four Kronecker-factored optimizers; defaults are those of {@linkcode presets}. */
export interface KroneckerOptions extends StepOptions {
  /** What is not said otherwise: the safe default, or the papers' algorithms. @default {"default"} */
  readonly preset?: Preset;
  /** What is added to the eigenvalues. @default {{ kind: "relative", tau: 0.3 }} */
  readonly damping?: Damping;
  /**
   * Multiplies the damping of all layers by a factor that follows how well the quadratic model predicts
   * the loss (Levenberg-Marquardt), or `false`. A trial step is the clipped step along the direction
   * itself: without momentum on the update and without decoupled decay. Reads nothing back. Cannot be
   * joined with L2 decay (whose penalty the loss does not hold), an `exponent` below 1 (whose direction
   * does not minimise the model), or a model whose loss cannot be asked for.
   *
   * @default {false}
   */
  readonly dampingAdaptation?: DampingAdaptation | false;
  /**
   * Which gradients the curvature is made of. @default {{ kind: "gaussNewton" }}, or `{ kind: "perLoss" }` where the
   * model's outputs cannot be sampled
   */
  readonly fisher?: Fisher;
  /** How many examples of a batch are observed after the dense start. @default {{ share: 1 / 4, atLeast: 16 }} */
  readonly observe?: Partial<ObservedShare>;
  /**
   * An observation more than this many times as large as usual is left out, once, > 1; or `false`. See
   * `ObservationGuard`. @default {1000}
   */
  readonly observationLimit?: number | false;
  /**
   * Steps between renewals.
   * @default {{ statistics: 2, basis: 10, eigenvalues: 2 }}, and 10, 100, 10 for full bases and inverses
   */
  readonly intervals?: Intervals;
  /** More frequent renewals at the beginning, or `false`. */
  readonly denseStart?: DenseStart | false;
  /** Renew the layers' bases at different steps, so that no step does all the work. @default {false} */
  readonly staggered?: boolean;
  /** How averages begin. @default {"corrected"} */
  readonly averaging?: Averaging;
  /** Weight of the past in the averages of the factors, in [0, 1). @default {0.95} */
  readonly factorDecay?: Schedule;
  /** Weight of the past in the averages of the eigenvalues, in [0, 1). @default {0.95} */
  readonly eigenvalueDecay?: Schedule;
  /**
   * A full basis that is due is only renewed when its off-diagonal share, `|offdiag(Q^T X Q)|_F / |X|_F`,
   * exceeds this, in [0, 1). @default {0}
   */
  readonly staleness?: number;
  /** Whether steps wait for full bases, or go on with the old ones. @default {{ kind: "immediate" }} */
  readonly refresh?: RefreshMode;
  /** Failed refreshes of a layer in a row that are borne before a step throws. @default {5} */
  readonly toleratedFailures?: number;
  /**
   * Which block a parameter gets. Parameters of normalisations and of no known layer kind can only be diagonal.
   * @default {the method's own, diagonal where the layer leaves no captures}
   */
  readonly blocks?: (parameter: Parameter) => "kronecker" | "diagonal";
}

/** Names of {@linkcode KroneckerOptions}. */
export const kroneckerNames: readonly (keyof KroneckerOptions)[] = [
  ...stepOptionNames,
  "preset",
  "damping",
  "dampingAdaptation",
  "fisher",
  "observe",
  "observationLimit",
  "intervals",
  "denseStart",
  "staggered",
  "averaging",
  "factorDecay",
  "eigenvalueDecay",
  "staleness",
  "refresh",
  "toleratedFailures",
  "blocks",
];

/** The preset that options name. */
export function presetOf(
  subject: string,
  { preset = "default" }: KroneckerOptions,
): KroneckerPreset {
  return presets[checkChoice(subject, "preset", preset, ["default", "paper"])];
}

/** Refuses an adaptation that cannot work. */
export function checkAdaptation<B>(
  subject: string,
  objective: Objective<B>,
  { weightDecay }: ResolvedStepOptions,
  { dampingAdaptation = false }: KroneckerOptions,
): void {
  if (dampingAdaptation === false) return;
  if (weightDecay !== false && weightDecay.kind === "l2") {
    const expectation = "must be of kind 'decoupled' where damping is adapted";
    throw new OptionError(subject, "weightDecay.kind", expectation, weightDecay.kind);
  }
  if (objective.losses === false) {
    const expectation = "must be false for a model that is not asked for its loss at trial weights";
    throw new OptionError(subject, "dampingAdaptation", expectation, dampingAdaptation);
  }
}

/** Checks a Fisher and completes it. */
export function resolveFisher<B>(
  subject: string,
  { canSample = true }: Objective<B>,
  fisher: Fisher | undefined,
  preset: KroneckerPreset,
): Fisher {
  if (fisher === undefined) {
    const sampled = preset.fisher.kind === "gaussNewton" || preset.fisher.kind === "monteCarlo";
    return sampled && !canSample ? { kind: "perLoss" } : preset.fisher;
  }
  checkKnownKeys(subject, fisher, ["kind"], "fisher.");
  const kinds = ["gaussNewton", "monteCarlo", "empirical", "perLoss"] as const;
  return { kind: checkChoice(subject, "fisher.kind", fisher.kind, kinds) };
}

/** Checks a share and completes it. */
export function resolveShare(subject: string, observe: ObservedShare): ObservedShare {
  checkKnownKeys(subject, observe, ["share", "atLeast"], "observe.");
  return {
    share: checkNumber(subject, "observe.share", observe.share, { above: 0, max: 1 }),
    atLeast: checkNumber(subject, "observe.atLeast", observe.atLeast, { min: 1, integer: true }),
  };
}
