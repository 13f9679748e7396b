/**
 * The KL clip: bounds how far a step may move the model's predictions.
 *
 * To second order, an update `lr U` with `U = F^-1 G` changes the predictions' distribution by a
 * Kullback-Leibler divergence of about `lr^2 <U, G> / 2`. All updates are multiplied by
 * `nu = min(1, sqrt(kl / (lr^2 sum_l <U_l, G_l>)))`, one factor for the whole model.
 *
 * @module
 */

import { type Schedule, valueAt } from "../../core/schedule.ts";
import { number, off, optional, record, type Rule, schedule, variant } from "../../core/schema.ts";

/**
 * How much wider the measured bound is at first, where the loss is quadratic in the outputs: see {@linkcode radiusOf}.
 */
export interface Opening {
  /** kappa of the first step, > 0. */
  readonly kappa: number;
  /** Steps after which it is half of that, > 0. */
  readonly steps: number;
  /** Examples that a step needs for all of it, > 0. */
  readonly batch: number;
}

/**
 * - `measured`: the bound is `kappa` times the step's mean loss, in the curvature that the batch itself shows
 *   along the step (`MeasuredCurvature`), and no step goes beyond the minimum of that quadratic model, nor does any
 *   layer for itself. Needs curvature from captures. With an `opening`, which the default has and a clip of one's own
 *   has only if it says so, the bound is wider at first.
 * - `fixed`: the bound is `kl`.
 * - `lossRelative`: the bound is `kappa` times the step's mean loss, so that steps shrink as the loss
 *   does.
 */
export type KlClip =
  | { readonly kind: "measured"; readonly kappa: Schedule; readonly opening?: Opening | false }
  | { readonly kind: "fixed"; readonly kl: Schedule }
  | { readonly kind: "lossRelative"; readonly kappa: Schedule };

/** What the radius of a step depends on. */
export interface Situation {
  /** t, steps taken so far. */
  readonly step: number;
  /** N, examples of the step. */
  readonly examples: number;
  /** Whether the loss is a quadratic function of the outputs. */
  readonly quadratic: boolean;
}

const bound = schedule({ above: 0 });

const positive = number({ above: 0 });
const opening = off(record({ kappa: positive, steps: positive, batch: positive }));

/** What the option takes. */
export const klClipRule: Rule<KlClip | false> = off(variant<KlClip>("kind", {
  measured: { kappa: bound, opening: optional(opening, false) },
  fixed: { kl: bound },
  lossRelative: { kappa: bound },
}));

/**
 * kappa of a step. A radius keeps the quadratic model of the loss honest. Of a loss that is quadratic in the outputs only
 * the network bends, so first steps may be longer, as far as their gradients are known; later ones follow noise. With
 * kappa_1, T and N_1 those of the opening:
 *
 * ```text
 * kappa_t = max(kappa, kappa_1 min(1, N / N_1) / (1 + t / T))
 * ```
 *
 * @example Half of the loss at first
 * ```ts
 * import assert from "node:assert/strict";
 * import { presets } from "@tekfac/tekfac/optim";
 *
 * const { klClip } = presets.default;
 * assert(klClip && klClip.kind === "measured");
 * const at = (step: number, examples: number, quadratic: boolean) =>
 *   radiusOf(klClip, { step, examples, quadratic });
 * assert.equal(at(0, 128, true), 1 / 2);
 * assert.equal(at(100, 64, true), 1 / 8);
 * assert.equal(at(0, 8, true), at(0, 128, false)); // gradients of few examples, or another loss
 * ```
 */
export function radiusOf(
  { kappa, opening }: Extract<KlClip, { readonly kind: "measured" }>,
  { step, examples, quadratic }: Situation,
): number {
  const rest = valueAt(kappa, step);
  if (!quadratic || !opening) return rest;
  const { kappa: first, steps, batch } = opening;
  return Math.max(rest, first * Math.min(1, examples / batch) / (1 + step / steps));
}
