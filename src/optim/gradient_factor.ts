/**
 * What the gradients of a step are multiplied with, all of them alike.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";
import { valueAt } from "../core/schedule.ts";
import type { Objective } from "./objective.ts";
import type { ResolvedStepOptions } from "./step_options.ts";
import type { StepRow } from "./step_row.ts";
import type { StepRules } from "./step_rules.ts";
import { clipGradientNorm } from "./transforms/gradient_norm_clip.ts";

/** What of an optimizer clips gradients. */
export interface Clipping {
  /** Has the backend. */
  readonly objective: Pick<Objective<never>, "backend">;
  /** Know what is usual. */
  readonly rules: Pick<StepRules, "gradientClip">;
  /** Have the largest norm. */
  readonly options: Pick<ResolvedStepOptions, "gradientNormClip">;
}

/** The factor in a step's row, [1, 1]: the smaller of two bounds; `undefined` where gradients are never scaled. */
export function gradientFactorOf(
  { objective: { backend }, rules: { gradientClip }, options: { gradientNormClip } }: Clipping,
  { squaredNorms, gradientFactor }: Pick<StepRow, "squaredNorms" | "gradientFactor">,
  step: number,
): Matrix | undefined {
  if (gradientClip === undefined && gradientNormClip === false) return undefined;
  gradientClip?.update(squaredNorms);
  if (gradientClip === undefined) backend.write(gradientFactor, [1]);
  else backend.axpby(gradientFactor, 1, gradientClip.factor, 0);
  if (gradientNormClip !== false) {
    clipGradientNorm(backend, gradientFactor, squaredNorms, valueAt(gradientNormClip, step));
  }
  return gradientFactor;
}
