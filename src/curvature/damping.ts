/**
 * Damping: what is added to every eigenvalue of a layer's approximation before it is inverted
 * (docs/MATH.md, section 4).
 *
 * @module
 */

import {
  flag,
  isSchedule,
  number,
  optional,
  type Rule,
  schedule,
  shorthand,
  variant,
} from "../core/schema.ts";
import type { Schedule } from "../core/schedule.ts";

/** The same lambda for every layer. */
export interface AbsoluteDamping {
  /** Tells the kinds apart. */
  readonly kind: "absolute";
  /** Added to the eigenvalues of the Fisher, whose unit is (loss per weight)^2; > 0. */
  readonly lambda: Schedule;
}

/**
 * `lambda_l = tau max(m_l, floor)`, m_l being the mean eigenvalue of layer l's approximation. Needs no
 * retuning when the loss, the layer's width or its inputs are rescaled. tau = 1 is TEKFAC's rule for
 * convolutions (Gao et al. 2020, eq. 3.5, known from public notes on the paper).
 */
export interface RelativeDamping {
  /** Tells the kinds apart. */
  readonly kind: "relative";
  /** Damping as a share of the mean eigenvalue, > 0. */
  readonly tau: Schedule;
  /** Smallest mean eigenvalue that is believed, > 0. @default {1e-12} */
  readonly floor?: number;
  /**
   * Whether tau counts in units of what chance can make of a mean eigenvalue: it is multiplied by the square of
   * `(1 + sqrt(d / n))^2` for either side of a layer, of d dimensions, n being the rows that the factors are
   * made of: examples, or their locations. With fewer examples than dimensions directions of little variance are not
   * known, and are not trusted. Optimizers multiply by less where steps promise no more than the loss: see
   * `NoiseFactor`. @default {false}
   */
  readonly noiseEdge?: boolean;
}

/**
 * TEKFAC's rule for convolutional networks (Gao et al. 2020, eq. 3.5). Known from public notes on the
 * paper, not from its text:
 *
 * - a convolution: `lambda_l = max(tr Theta_l, floor) / dim Theta_l`;
 * - a dense layer: `lambda_l = lambda beta`, `beta` being the largest lambda of all convolutions.
 *
 * Where the notes are silent the choice is ours: TKFAC, KFAC and EKFAC put the trace of their own
 * approximation in the place of `tr Theta`; a parameter of another kind follows the rule of convolutions;
 * and in a model without convolutions, or whose convolutions all have diagonal blocks, every dense layer
 * takes its own trace, `lambda_l = lambda max(tr Theta_l, floor) / dim Theta_l`, which is relative damping.
 */
export interface PaperDamping {
  /** Tells the kinds apart. */
  readonly kind: "paper";
  /** Damping of dense layers as a multiple of beta, > 0. @default {1} */
  readonly lambda?: Schedule;
  /** Smallest trace that is believed, > 0. @default {1e-12} */
  readonly floor?: number;
}

/** How the eigenvalues of the curvature are damped. */
export type Damping = AbsoluteDamping | RelativeDamping | PaperDamping;

/**
 * Checks a damping and completes it.
 *
 * @param damping In full, or lambda alone.
 * @throws {OptionError} On an unknown kind or key, or a number that is not finite and > 0.
 *
 * @example What is left out is filled in, what cannot be meant is refused
 * ```ts
 * import assert from "node:assert/strict";
 * import { resolveDamping } from "@tekfac/tekfac/curvature";
 *
 * const damping = resolveDamping("Cannot train", { kind: "relative", tau: 0.1 });
 * assert.deepEqual(damping, {
 *   kind: "relative",
 *   tau: 0.1,
 *   floor: 1e-12,
 *   noiseEdge: false,
 * });
 * assert.throws(
 *   () => resolveDamping("Cannot train", { kind: "absolute", lambda: 0 }),
 *   { name: "OptionError" },
 * );
 * ```
 */
export function resolveDamping(subject: string, damping: Damping | Schedule): Required<Damping> {
  return dampingRule.check(subject, "damping", damping);
}

const positive = { above: 0 };
const floor = optional(number(positive), 1e-12);

/** What the option takes. A number alone is lambda, as in other libraries. */
export const dampingRule: Rule<Required<Damping>> = shorthand(
  variant<Required<Damping>>("kind", {
    absolute: { lambda: schedule(positive) },
    relative: { tau: schedule(positive), floor, noiseEdge: optional(flag, false) },
    paper: { lambda: optional(schedule(positive), 1), floor },
  }),
  "lambda",
  (value) => isSchedule(value) ? { kind: "absolute", lambda: value } : undefined,
);
