/**
 * The KL clip: bounds how far a step may move the model's predictions.
 *
 * To second order, an update `lr U` with `U = F^-1 G` changes the predictions' distribution by a
 * Kullback-Leibler divergence of about `lr^2 <U, G> / 2`. All updates are multiplied by
 * `nu = min(1, sqrt(kl / (lr^2 sum_l <U_l, G_l>)))`, one factor for the whole model.
 *
 * @module
 */

import type { Schedule } from "../../core/schedule.ts";
import { off, type Rule, schedule, variant } from "../../core/schema.ts";

/**
 * - `measured`: the bound is `kappa` times the step's mean loss, in the curvature that the batch itself shows
 *   along the step (`MeasuredCurvature`), and no step goes beyond the minimum of that quadratic model. Needs
 *   curvature from captures.
 * - `fixed`: the bound is `kl`.
 * - `lossRelative`: the bound is `kappa` times the step's mean loss, so that steps shrink as the loss
 *   does.
 */
export type KlClip =
  | { readonly kind: "measured"; readonly kappa: Schedule }
  | { readonly kind: "fixed"; readonly kl: Schedule }
  | { readonly kind: "lossRelative"; readonly kappa: Schedule };

/**
 * Checks a KL clip.
 *
 * @throws {OptionError} On an unknown key or kind, or a bound that is not > 0.
 *
 * @example What is checked
 * ```ts
 * import assert from "node:assert/strict";
 * import { resolveKlClip } from "@tekfac/tekfac/optim";
 *
 * const subject = "Cannot create my optimizer";
 * assert.deepEqual(resolveKlClip(subject, { kind: "fixed", kl: 1e-3 }), { kind: "fixed", kl: 1e-3 });
 * assert.throws(() => resolveKlClip(subject, { kind: "fixed", kl: 0 }), /klClip.kl/);
 * ```
 */
export function resolveKlClip(subject: string, clip: KlClip | false): KlClip | false {
  return klClipRule.check(subject, "klClip", clip);
}

const bound = schedule({ above: 0 });

/** What the option takes. */
export const klClipRule: Rule<KlClip | false> = off(variant<KlClip>("kind", {
  measured: { kappa: bound },
  fixed: { kl: bound },
  lossRelative: { kappa: bound },
}));
