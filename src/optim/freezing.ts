/**
 * Layers that are frozen and trained again while an optimizer has a memory of them.
 *
 * @module
 */

import { isTrainable, type Parameter } from "../core/parameter.ts";

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
