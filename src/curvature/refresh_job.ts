/**
 * The decompositions of a refresh: what ranks of a group share out.
 *
 * @module
 */

import type { Backend, EighJob, Scalar } from "../backend/backend.ts";
import type { Matrix } from "../core/matrix.ts";

/** An inverse, `inverse <- (scale matrix + shift I)^-1`, in place of the old one; see `Verbs.choleskyInverse`. */
export interface InverseJob {
  /** Stays what it is where the matrix is not positive definite, or not finite. */
  readonly inverse: Matrix;
  /** Symmetric. */
  readonly matrix: Matrix;
  /** Factor of the matrix. */
  readonly scale: Scalar;
  /** Added to its diagonal. */
  readonly shift: Scalar;
  /** Receives 1, or 0 for a failure, [1, 1]. */
  readonly status: Matrix;
}

/** An eigenproblem or an inverse. */
export type RefreshJob = EighJob | InverseJob;

/** Whether it is an inverse. */
export function isInverse(job: RefreshJob): job is InverseJob {
  return "inverse" in job;
}

/** Does them all; eigenproblems together, so that a backend can share them out. */
export function runJobs(backend: Backend, jobs: readonly RefreshJob[]): void {
  const problems = jobs.filter((job): job is EighJob => !isInverse(job));
  if (problems.length > 0) backend.eigh(problems);
  for (const { inverse, matrix, scale, shift, status } of jobs.filter(isInverse)) {
    backend.choleskyInverse(inverse, matrix, scale, shift, status);
  }
}

/** The matrices that hold what came of it. */
export function resultsOf(job: RefreshJob): readonly Matrix[] {
  return isInverse(job) ? [job.inverse, job.status] : [job.vectors, job.values, job.status];
}
