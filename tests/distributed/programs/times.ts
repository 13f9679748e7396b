/** What ranks take decompositions to cost, where one of them is slower. */

import { createBackendSync } from "@tekfac/tekfac/backend";
import type { RefreshJob } from "@tekfac/tekfac/curvature";
import type { Group } from "@tekfac/tekfac/distributed";

/** What one rank knows. */
export interface KnownTimes {
  /** Of eigenproblems of these sizes, and an inverse of the first. */
  readonly seconds: readonly number[];
  /** Operations of the group for the second look. */
  readonly again: number;
}

/** Milliseconds that every inverse takes longer on rank 1. */
export const SLOWER = 20;

export default function (group: Group, sizes: unknown): KnownTimes {
  using backend = createBackendSync({ prefer: ["wasm"] });
  const { choleskyInverse } = backend;
  backend.choleskyInverse = (...call) => {
    choleskyInverse.apply(backend, call);
    const until = performance.now() + (group.rank === 1 ? SLOWER : 0);
    while (performance.now() < until);
  };
  const reduction = group.reductionOn("Cannot try", backend);
  return backend.scope(() => {
    const problems = (sizes as readonly number[]).map((n): RefreshJob => {
      const [matrix, vectors] = [backend.scratch(n, n), backend.scratch(n, n)];
      const [values, status] = [backend.scratch(1, n), backend.scratch(1, 3)];
      return { matrix, vectors, values, status };
    });
    const [{ matrix, status }] = problems;
    const jobs = [...problems, { inverse: matrix, matrix, scale: 1, shift: 1, status }];
    const seconds = reduction.secondsOf(jobs);
    const before = group.traffic.operations;
    reduction.secondsOf(jobs);
    return { seconds, again: group.traffic.operations - before };
  });
}
