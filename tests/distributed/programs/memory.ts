/** What a rank keeps of the curvature. */

import { createBackendSync } from "@tekfac/tekfac/backend";
import { isAway } from "@tekfac/tekfac/core";
import type { Group } from "@tekfac/tekfac/distributed";
import { dense, objective, sequential, softmaxCrossEntropy, tanh } from "@tekfac/tekfac/nn";
import { type OptimizerName, optimizers } from "@tekfac/tekfac/optim";
import { partOf } from "./steps.ts";

/** How is trained. */
export interface MemoryCase {
  readonly optimizer: OptimizerName;
  readonly options: Record<string, unknown>;
}

/** What is held after some steps, in bytes. */
export interface MemoryResult {
  /** Matrices of the curvature's state. */
  readonly curvature: number;
  /** All of the backend. */
  readonly live: number;
  /** Names of the layers that there are spectra of. */
  readonly spectra: readonly string[];
}

/** Equal layers, so that each rank gets as many. */
const LAYERS = 8;
const WIDTH = 36;

async function memoryOf({ optimizer: name, options }: MemoryCase, group: Group) {
  using backend = createBackendSync({ prefer: ["reference"] });
  const layers = Array.from({ length: LAYERS }, () => [dense(WIDTH), tanh()]).flat();
  using model = sequential(backend, { input: [WIDTH], layers, seed: 1 });
  using optimizer = optimizers[name](objective(model, softmaxCrossEntropy()), {
    ...{ ...options, group },
  });
  for (let step = 0; step < 3; step++) optimizer.stepSync(partOf(step, 16, group));
  const curvature = Object.values(optimizer.preconditioner.state)
    .reduce((sum, matrix) => isAway(matrix) ? sum : sum + 8 * matrix.rows * matrix.cols, 0);
  const spectra = (await optimizer.spectra()).map(({ name }) => name);
  return { curvature, live: backend.memory().liveBytes, spectra } satisfies MemoryResult;
}

export default async (group: Group, cases: unknown): Promise<MemoryResult[]> => {
  const results: MemoryResult[] = [];
  for (const each of cases as readonly MemoryCase[]) results.push(await memoryOf(each, group));
  return results;
};
