/**
 * What ranks of a group cannot do alike.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import type { RefreshMode } from "../curvature/refresher.ts";
import type { Group } from "../distributed/group.ts";

/**
 * Refuses bases that are taken over as soon as they are ready, which is at another step on every rank.
 *
 * @throws {OptionError} In a group of several ranks.
 */
export function checkAlike(
  subject: string,
  { group, refresh }: {
    readonly group: Group | undefined;
    readonly refresh: Required<RefreshMode>;
  },
): void {
  if (group === undefined || group.size === 1) return;
  if (refresh.kind === "immediate" || refresh.deterministic) return;
  const expectation = "must be true in a group, whose ranks take over bases at the same step";
  throw new OptionError(subject, "refresh.deterministic", expectation, false);
}
