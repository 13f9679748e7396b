/**
 * Damping: what is added to every eigenvalue of a layer's approximation before it is inverted
 * (docs/MATH.md, section 4).
 *
 * @module
 */

import type { Backend, Scalar } from "../backend/backend.ts";
import type { Matrix } from "../core/matrix.ts";
import { checkChoice, checkKnownKeys, checkSchedule } from "../core/options.ts";
import { type Schedule, valueAt } from "../core/schedule.ts";

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
}

/** How the eigenvalues of the curvature are damped. */
export type Damping = AbsoluteDamping | RelativeDamping;

/**
 * Checks a damping and completes it.
 *
 * @throws {OptionError} On an unknown kind or key, or a number that is not finite and > 0.
 */
export function resolveDamping(subject: string, damping: Damping): Required<Damping> {
  const kind = checkChoice(subject, "damping.kind", damping.kind, ["absolute", "relative"]);
  const path = "damping.";
  if (kind === "absolute") {
    const { lambda } = damping as AbsoluteDamping;
    checkKnownKeys(subject, damping, ["kind", "lambda"], path);
    return { kind, lambda: checkSchedule(subject, "damping.lambda", lambda, { above: 0 }) };
  }
  const { tau, floor = 1e-12 } = damping as RelativeDamping;
  checkKnownKeys(subject, damping, ["kind", "tau", "floor"], path);
  return {
    kind,
    tau: checkSchedule(subject, "damping.tau", tau, { above: 0 }),
    floor: checkSchedule(subject, "damping.floor", floor, { above: 0 }) as number,
  };
}

/**
 * Lambda of one layer at a step: a number when it is absolute, else computed into `out`, so that a
 * device need not be asked.
 *
 * @param out [1, 1], written only when the damping is relative.
 * @param mean The layer's mean eigenvalue: a product of [1, 1] matrices times `factor`.
 */
export function lambdaAt(
  backend: Backend,
  damping: Required<Damping>,
  step: number,
  out: Matrix,
  mean: { readonly sources: readonly Matrix[]; readonly factor: number },
): Scalar {
  if (damping.kind === "absolute") return valueAt(damping.lambda, step);
  backend.relativeDamping(out, mean.sources, {
    tau: valueAt(damping.tau, step),
    factor: mean.factor,
    floor: damping.floor,
  });
  return out;
}
