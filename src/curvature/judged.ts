/**
 * Refreshes by block, and whether they failed.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { readAtOnce } from "../backend/read_at_once.ts";
import type { Refreshable, Refresher, RefreshOutcome } from "./refresher.ts";
import type { FailureCounts, Renewal } from "./renewal.ts";

/**
 * What became of each block's refresh, judged already where that needs no waiting.
 *
 * @param outcomes Of some of the blocks.
 * @param by Whose failures count, and who has made the outcomes.
 * @throws {NumericalError} When a layer's refresh has failed more often in a row than is tolerated.
 */
export function judged<T extends Refreshable>(
  backend: Backend,
  blocks: readonly T[],
  outcomes: readonly RefreshOutcome<T>[],
  by: {
    readonly failures: FailureCounts;
    readonly refresher: Pick<Refresher<T>, "giveUp">;
  },
  step: number,
): readonly (Renewal | undefined)[] {
  const renewals = blocks.map((): Renewal | undefined => undefined);
  for (const { block, renewal } of outcomes) {
    const index = blocks.indexOf(block);
    renewals[index] = renewal;
    const status = renewal && readAtOnce(backend, renewal.status);
    if (status === undefined) continue;
    try {
      by.failures.judge(index, renewal!.outcome(status), step);
    } catch (error) {
      by.refresher.giveUp();
      throw error;
    }
  }
  return renewals;
}
