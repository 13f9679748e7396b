/** Ranks save while a refresh of all is under way; all go on, and so does whoever loads it. */

import { createBackendSync } from "@tekfac/tekfac/backend";
import type { Group } from "@tekfac/tekfac/distributed";
import { dense, objective, sequential, softmaxCrossEntropy, tanh } from "@tekfac/tekfac/nn";
import { ekfac, loadState, saveState } from "@tekfac/tekfac/optim";
import { partOf } from "./steps.ts";

/** Where it begins, and who keeps what. */
export interface ResumeCase {
  readonly checkpoint?: readonly number[] | undefined;
  readonly workerFraction?: number;
  /** Whether rank 0 saves alone. */
  readonly alone?: boolean;
}

/** What came of it. */
export interface Resumed {
  /** After {@linkcode SAVED_AFTER} steps, by those who save. */
  readonly saved: readonly number[] | undefined;
  /** Losses of all steps that were taken. */
  readonly losses: readonly number[];
}

/** Bases are begun at step 4 and adopted at step 8. */
const SAVED_AFTER = 6;

const STEPS = 12;

/** Takes all steps, or those after a checkpoint. */
export async function stepsFrom(
  { checkpoint, workerFraction = 1, alone = false }: ResumeCase,
  group?: Group,
): Promise<Resumed> {
  using backend = createBackendSync({ prefer: ["reference"] });
  using model = sequential(backend, {
    input: [36],
    layers: [dense(8), tanh(), dense(3)],
    seed: 3,
  });
  using optimizer = ekfac(objective(model, softmaxCrossEntropy()), {
    rank: "full",
    intervals: { statistics: 1, basis: 4, eigenvalues: 1 },
    denseStart: false,
    refresh: { kind: "background", delay: 4 },
    workerFraction,
    ...(group && { group }),
  });
  if (checkpoint !== undefined) loadState(optimizer, Uint8Array.from(checkpoint));
  let saved: readonly number[] | undefined;
  const losses: number[] = [];
  while (optimizer.stepCount < STEPS) {
    const own = group ?? { rank: 0, size: 1 };
    losses.push(optimizer.stepSync(partOf(optimizer.stepCount, 32, own)).loss);
    const speaks = (!alone || own.rank === 0) && checkpoint === undefined;
    if (speaks && optimizer.stepCount === SAVED_AFTER) saved = [...await saveState(optimizer)];
  }
  return { saved, losses };
}

/** What it says where it fails. */
export default async (group: Group, argument: unknown): Promise<Resumed | string> => {
  try {
    return await stepsFrom(argument as ResumeCase, group);
  } catch (error) {
    return (error as Error).message;
  }
};
