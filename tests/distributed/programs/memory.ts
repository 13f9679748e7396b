/** What a rank keeps of the curvature, and what it does for it. */

import { type Backend, createBackendSync } from "@tekfac/tekfac/backend";
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
  /** Eigenproblems and inverses of the steps after the first one. */
  readonly decompositions: number;
  /** Names of the layers that there are spectra of. */
  readonly spectra: readonly string[];
}

/** Equal layers, so that each rank gets as many. */
const LAYERS = 8;
const WIDTH = 36;

/** Counts what a backend decomposes from now on. */
function countDecompositions(backend: Backend): () => number {
  let count = 0;
  const { eigh, choleskyInverse } = backend;
  backend.eigh = (jobs) => {
    count += jobs.length;
    eigh.call(backend, jobs);
  };
  backend.choleskyInverse = (...call) => {
    count++;
    choleskyInverse.apply(backend, call);
  };
  return () => count;
}

/** Takes three steps; bases are renewed in all of them. */
export async function memoryOf(
  { optimizer: name, options }: MemoryCase,
  group: Group,
): Promise<MemoryResult> {
  using backend = createBackendSync({ prefer: ["reference"] });
  const layers = Array.from({ length: LAYERS }, () => [dense(WIDTH), tanh()]).flat();
  using model = sequential(backend, { input: [WIDTH], layers, seed: 1 });
  using optimizer = optimizers[name](objective(model, softmaxCrossEntropy()), {
    ...{ ...options, group, intervals: { statistics: 1, basis: 1, eigenvalues: 1 } },
  });
  optimizer.stepSync(partOf(0, 16, group));
  const counted = countDecompositions(backend);
  for (let step = 1; step < 3; step++) optimizer.stepSync(partOf(step, 16, group));
  const decompositions = counted();
  const curvature = Object.values(optimizer.preconditioner.state)
    .reduce((sum, matrix) => isAway(matrix) ? sum : sum + 8 * matrix.rows * matrix.cols, 0);
  const spectra = (await optimizer.spectra()).map(({ name }) => name);
  const { liveBytes: live } = backend.memory();
  return { curvature, live, spectra, decompositions };
}

export default async (group: Group, cases: unknown): Promise<MemoryResult[]> => {
  const results: MemoryResult[] = [];
  for (const each of cases as readonly MemoryCase[]) results.push(await memoryOf(each, group));
  return results;
};
