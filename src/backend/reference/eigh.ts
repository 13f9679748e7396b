/**
 * Eigenvectors with a past: keep the previous basis, solve anew, or fail softly.
 *
 * @module
 */

import * as linalg from "../../linalg/mod.ts";
import { type EighJob, EighStatus } from "../backend.ts";
import { gather, scatter } from "./storage.ts";

/**
 * Does one job of {@linkcode Verbs.eigh} with a synchronous, cold solver. After a failure `vectors`
 * holds the previous basis if there is one, and nothing else has changed.
 */
export function solveEigh(job: EighJob): void {
  const { matrix, vectors, values, status, staleness = 0 } = job;
  const x = gather(matrix);
  const previous = job.previous && gather(job.previous);
  let share = -1;
  if (previous) {
    const rotated = linalg.rotateInto(x, { output: previous, input: previous });
    share = offDiagonalShare(rotated);
    if (staleness > 0 && share <= staleness) {
      scatter(vectors, previous.data);
      scatter(values, diagonalOf(rotated));
      scatter(status, [EighStatus.kept, share, 0]);
      return;
    }
  }
  const solution = linalg.eigh(x);
  if (solution.converged) {
    scatter(vectors, solution.vectors.data);
    scatter(values, solution.values);
    scatter(status, [EighStatus.jacobi, share, solution.sweeps]);
  } else {
    if (previous) scatter(vectors, previous.data);
    scatter(status, [EighStatus.failed, share, 0]);
  }
}

/** `|offdiag(S)|_F / |S|_F`, 0 for the zero matrix. */
function offDiagonalShare(s: linalg.DenseMatrix): number {
  const norm = linalg.frobeniusNorm(s);
  if (norm === 0) return 0;
  const off = { ...s, data: s.data.map((value, i) => i % (s.cols + 1) === 0 ? 0 : value) };
  return linalg.frobeniusNorm(off) / norm;
}

function diagonalOf(s: linalg.DenseMatrix): Float64Array {
  return s.data.filter((_, i) => i % (s.cols + 1) === 0);
}
