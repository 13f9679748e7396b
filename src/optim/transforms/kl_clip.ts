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
 *   along the step (`MeasuredCurvature`), and no step goes beyond the minimum of that quadratic model, nor does any
 *   layer for itself. Needs curvature from captures.
 * - `fixed`: the bound is `kl`.
 * - `lossRelative`: the bound is `kappa` times the step's mean loss, so that steps shrink as the loss
 *   does.
 */
export type KlClip =
  | { readonly kind: "measured"; readonly kappa: Schedule }
  | { readonly kind: "fixed"; readonly kl: Schedule }
  | { readonly kind: "lossRelative"; readonly kappa: Schedule };

const bound = schedule({ above: 0 });

/** What the option takes. */
export const klClipRule: Rule<KlClip | false> = off(variant<KlClip>("kind", {
  measured: { kappa: bound },
  fixed: { kl: bound },
  lossRelative: { kappa: bound },
}));
