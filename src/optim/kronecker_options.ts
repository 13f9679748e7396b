/**
 * What can be asked of the four Kronecker-factored optimizers.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import type { Parameter } from "../core/parameter.ts";
import type { Schedule } from "../core/schedule.ts";
import {
  callback,
  choice,
  isRecord,
  maybe,
  number,
  off,
  optional,
  record,
  resolve,
  type Resolved,
  type Rule,
  schedule,
  type SchemaOf,
  shorthand,
} from "../core/schema.ts";
import { adaptationRule, type DampingAdaptation } from "../curvature/adaptation.ts";
import { type Damping, dampingRule } from "../curvature/damping.ts";
import type { Fisher } from "../curvature/fisher.ts";
import type { Averaging } from "../curvature/moving_average.ts";
import type { LocationsOfTheta } from "../curvature/positions_apart.ts";
import { type RefreshMode, refreshRule } from "../curvature/refresher.ts";
import { type DenseStart, type Intervals, planSchema } from "../curvature/scheduler.ts";
import { groupsRule, type ParameterGroup } from "./groups.ts";
import { checkObjective, type Objective } from "./objective.ts";
import type { ObservedShare } from "./observation.ts";
import { type KroneckerPreset, type Preset, presetFor } from "./presets.ts";
import { type StepOptions, stepSchema } from "./step_options.ts";
import { fractionRule } from "./fraction_rule.ts";

/** A group of one of the four Kronecker-factored optimizers. */
export interface KroneckerGroup
  extends ParameterGroup, Pick<KroneckerOptions, "momentum" | "damping"> {}

/** Options of all four Kronecker-factored optimizers; defaults are those of {@linkcode presets}. */
export interface KroneckerOptions extends StepOptions {
  /** Parameters with settings of their own; the first group that takes a parameter wins. @default {[]} */
  readonly groups?: readonly KroneckerGroup[];
  /** What is not said otherwise: the safe default, or the papers' algorithms. @default {"default"} */
  readonly preset?: Preset;
  /** What is added to the eigenvalues; a number alone is `lambda`. @default {{ kind: "relative", tau: 0.3, noiseEdge: true }} */
  readonly damping?: Damping | Schedule;
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
   * Which gradients the curvature is made of, in full or by the name of the kind. @default {{ kind: "gaussNewton" }}, or `{ kind: "perLoss" }` where the
   * model's outputs cannot be sampled
   */
  readonly fisher?: Fisher | Fisher["kind"];
  /** How many examples of a batch are observed after the dense start. @default {{ share: 1 / 8, atLeast: 16 }} */
  readonly observe?: Partial<ObservedShare>;
  /**
   * An observation more than this many times as large as usual is left out, once, > 1; or `false`. See
   * `ObservationGuard`. @default {1000}
   */
  readonly observationLimit?: number | false;
  /**
   * Steps between renewals; a number alone stands for all three.
   * @default {{ statistics: 2, basis: 10 to 80, eigenvalues: 2 }}, and 10, 100, 10 for full bases and inverses
   */
  readonly intervals?: Intervals | Schedule;
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
   * What the eigenvalues of EKFAC and TEKFAC are the second moment of, where layers see positions of sequences or pixels:
   * `summed`, the example's gradient; `apart`, each position's, as an example of its own. KFAC and TKFAC, whose
   * eigenvalues are products, take no notice. @default {"summed"}
   */
  readonly positions?: LocationsOfTheta;
  /**
   * A full basis that is due is only renewed when its off-diagonal share, `|offdiag(Q^T X Q)|_F / |X|_F`,
   * exceeds this, in [0, 1). @default {0}
   */
  readonly staleness?: number;
  /** Whether steps wait for full bases, or go on with the old ones; in full or by the name of the kind. @default {{ kind: "immediate" }} */
  readonly refresh?: RefreshMode | RefreshMode["kind"];
  /**
   * Share of the ranks of a `group` that keep each layer's curvature and make its directions, in (0, 1], as KAISA's
   * workers do (Pauloski et al. 2021): with 1 every rank all of them, with 1 / ranks each layer is one rank's, which
   * sends the direction to all others in every step, and lends them its basis where they observe; rounded down to a
   * number of ranks that divides theirs. Memory of the curvature is divided accordingly. `auto` lets all ranks keep all,
   * and some make each direction where that is faster by the times of the first steps and of some messages. Steps are
   * the same to rounding; without a group it means nothing.
   *
   * @default {"auto"}
   */
  readonly workerFraction?: number | "auto";
  /** Failed refreshes of a layer in a row that are tolerated before a step throws. @default {5} */
  readonly toleratedFailures?: number;
  /**
   * Which block a parameter gets. `kronecker` is the method's own, for scales and shifts of normalisations the
   * exact 2 x 2 block of each channel. Scales without shifts and parameters of no
   * known layer kind can only be diagonal.
   * @default {the method's own, diagonal where the layer leaves no captures}
   */
  readonly blocks?: (parameter: Parameter) => "kronecker" | "diagonal";
}

const decay = { min: 0, below: 1 };
const stepRules = stepSchema("gradient");
const kinds = ["gaussNewton", "monteCarlo", "empirical", "perLoss"] as const;
const preset = optional(choice("default", "paper"), "default");

/** What the options of all four take; what has no default here is in {@linkcode presets}. */
export const kroneckerSchema = {
  ...stepRules,
  groups: groupsRule({ momentum: stepRules.momentum, damping: dampingRule }),
  preset,
  damping: dampingRule,
  dampingAdaptation: optional(adaptationRule, false),
  fisher: shorthand(
    record({ kind: choice(...kinds) }) as Rule<Fisher>,
    choice(...kinds).takes,
    (value) => typeof value === "string" ? { kind: value } : undefined,
  ),
  observe: record({
    share: number({ above: 0, max: 1 }),
    atLeast: number({ min: 1, integer: true }),
  }),
  observationLimit: off(number({ above: 1 })),
  ...planSchema,
  averaging: choice("corrected", "seeded"),
  factorDecay: optional(schedule(decay), 0.95),
  eigenvalueDecay: optional(schedule(decay), 0.95),
  positions: optional(choice("summed", "apart"), "summed"),
  staleness: optional(number(decay), 0),
  refresh: optional(refreshRule, { kind: "immediate" }),
  workerFraction: fractionRule,
  toleratedFailures: optional(number({ min: 0, integer: true }), 5),
  blocks: maybe(callback<NonNullable<KroneckerOptions["blocks"]>>("a function of the parameter")),
} satisfies SchemaOf<KroneckerOptions>;

/** What the two with products of eigenvalues take, KFAC and TKFAC. */
export const factoredSchema = {
  ...kroneckerSchema,
  split: optional(choice("factored", "exact"), "factored"),
};

/** Checked and complete options. */
export type ResolvedKroneckerOptions = Resolved<typeof kroneckerSchema>;

/**
 * Checks the options of a method and completes them.
 *
 * @param schema Of the method: that of all four, and its own options.
 * @param full Whether bases are of full rank as the options have it.
 * @throws {OptionError} On an unknown option, a value outside its range, or two that contradict each other.
 */
export function resolveKronecker<S extends typeof kroneckerSchema, B>(
  subject: string,
  objective: Objective<B>,
  options: unknown,
  schema: S,
  full: (rank: unknown) => boolean,
): Resolved<S> & ResolvedKroneckerOptions {
  checkObjective(subject, objective);
  const named = presetFor(presetOf(subject, options), objective.parameters.length);
  const { rank = named.rank } = (options ?? {}) as { rank?: unknown };
  const resolved = resolve(subject, options, schema, {
    ...named,
    intervals: full(rank) ? named.fullIntervals : named.intervals,
    fisher: fisherOf(objective, named),
  }) as Resolved<S> & ResolvedKroneckerOptions;
  checkAdaptation(subject, objective, resolved);
  return resolved;
}

/** The preset that options name; what else they say is checked later. */
function presetOf(subject: string, options: unknown): Preset {
  const { preset: named = "default" } = isRecord(options) ? options : {};
  return preset.check(subject, "preset", named);
}

function checkAdaptation<B>(
  subject: string,
  { losses }: Objective<B>,
  { weightDecay, groups, dampingAdaptation }: ResolvedKroneckerOptions,
): void {
  if (dampingAdaptation === false) return;
  for (const decay of [weightDecay, ...groups.map((group) => group.weightDecay ?? false)]) {
    if (decay === false || decay.kind === "decoupled") continue;
    const expectation = "must be of kind 'decoupled' where damping is adapted";
    throw new OptionError(subject, "weightDecay.kind", expectation, decay.kind);
  }
  if (losses === false) {
    const expectation = "must be false for a model that is not asked for its loss at trial weights";
    throw new OptionError(subject, "dampingAdaptation", expectation, dampingAdaptation);
  }
}

/** What a model whose outputs cannot be sampled can do. */
function fisherOf<B>({ canSample = true }: Objective<B>, { fisher }: KroneckerPreset): Fisher {
  const sampled = fisher.kind === "gaussNewton" || fisher.kind === "monteCarlo";
  return sampled && !canSample ? { kind: "perLoss" } : fisher;
}
