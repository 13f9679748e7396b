/**
 * Layers that are frozen and trained again while an optimizer has a memory of them.
 *
 * @module
 */

import { isTrainable, type Parameter } from "../core/parameter.ts";
import type { Objective } from "./objective.ts";
import type { Preconditioner } from "./preconditioner.ts";
import type { StepRules } from "./step_rules.ts";

/** Which parameters an optimizer has seen frozen. */
export class Freezing {
  /** Their names; `undefined` before the first step. Part of a checkpoint. */
  frozen: readonly string[] | undefined;

  /** What has changed since the last step: nothing, layers were only frozen, or some are trained again. */
  notice(parameters: readonly Parameter[]): "nothing" | "frozen" | "thawed" {
    const before = this.frozen;
    const now = parameters.filter((parameter) => !isTrainable(parameter)).map(({ name }) => name);
    this.frozen = now;
    if (before === undefined || before.join() === now.join()) return "nothing";
    return before.some((name) => !now.includes(name)) ? "thawed" : "frozen";
  }
}

/** What of an optimizer has a memory of layers. */
export interface Remembering {
  /** Has the layers. */
  readonly objective: Pick<Objective<never>, "parameters">;
  /** Knows which have been frozen. */
  readonly freezing: Freezing;
  /** Know what is usual. */
  readonly rules: Pick<StepRules, "restart">;
  /** Has followed the curvature of those that were trained. */
  readonly preconditioner: Pick<Preconditioner, "restart">;
}

/** Before a step: layers that have been frozen, or are trained again, change what is usual. */
export function noticeFreezing(
  { objective: { parameters }, freezing, rules, preconditioner }: Remembering,
): void {
  const change = freezing.notice(parameters);
  if (change === "nothing") return;
  rules.restart();
  if (change === "thawed") preconditioner.restart?.();
}
