/**
 * The KL clip: bounds how far a step may move the model's predictions.
 *
 * To second order, an update `lr U` with `U = F^-1 G` changes the predictions' distribution by a
 * Kullback-Leibler divergence of about `lr^2 <U, G> / 2`. All updates are multiplied by
 * `nu = min(1, sqrt(kl / (lr^2 sum_l <U_l, G_l>)))`, one factor for the whole model.
 *
 * @module
 */

import { checkChoice, checkKnownKeys, checkSchedule } from "../../core/options.ts";
import type { Schedule } from "../../core/schedule.ts";

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
 *
 * const subject = "Cannot create my optimizer";
 * assert.deepEqual(resolveKlClip(subject, { kind: "fixed", kl: 1e-3 }), { kind: "fixed", kl: 1e-3 });
 * assert.throws(() => resolveKlClip(subject, { kind: "fixed", kl: 0 }), /klClip.kl/);
 * ```
 */
export function resolveKlClip(subject: string, clip: KlClip | false): KlClip | false {
  if (clip === false) return false;
  const kind = checkChoice(subject, "klClip.kind", clip.kind, [
    "measured",
    "fixed",
    "lossRelative",
  ]);
  if (kind === "fixed") {
    const { kl } = clip as { kl: Schedule };
    checkKnownKeys(subject, clip, ["kind", "kl"], "klClip.");
    return { kind, kl: checkSchedule(subject, "klClip.kl", kl, { above: 0 }) };
  }
  const { kappa } = clip as { kappa: Schedule };
  checkKnownKeys(subject, clip, ["kind", "kappa"], "klClip.");
  return { kind, kappa: checkSchedule(subject, "klClip.kappa", kappa, { above: 0 }) };
}
