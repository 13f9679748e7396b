/**
 * What a refresh of a layer's basis or inverse came to, and how many failures are tolerated.
 *
 * @module
 */

import type { EighStatus } from "../backend/backend.ts";
import { NumericalError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";

/** What a refresh of a layer's basis (or inverse) came to. */
export interface Refresh {
  /** How each factor was treated, the output's first; `"cholesky"` where inverses are kept. */
  readonly how: readonly (keyof typeof EighStatus | "cholesky")[];
  /**
   * Largest off-diagonal share of the previous basis: how stale it was. `undefined` where it was not
   * measured: for a cold start, and, unless `staleness` is above 0, for matrices so large that measuring
   * it would cost half as much as solving them.
   */
  readonly offDiagonalShare?: number;
}

/** A refresh whose outcome is still where it was computed, so that nobody has to wait for it. */
export interface Renewal {
  /** The status numbers, [1, 3] per eigenproblem or [1, 2]. Overwritten by the next refresh. */
  readonly status: Matrix;
  /** What the numbers mean. */
  outcome(status: ArrayLike<number>): Refresh;
}

/** A refresh that another rank does. */
export interface Followed {
  /** Its status is what that rank sends. */
  readonly renewal: Renewal;
  /** Takes notice of it, once it is there. */
  readonly follow: () => void;
}

/** True when a factor could not be decomposed, so that the last good basis is still in force. */
export function hasFailed(refresh: Refresh): boolean {
  return refresh.how.includes("failed");
}

/**
 * Failed refreshes in a row, per layer.
 *
 * @example One failure is tolerated, two in a row are not
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const failures = new FailureCounts(["dense1", "dense2"], 1);
 * failures.judge(1, { how: ["failed", "jacobi"] }, 10);
 * failures.judge(1, { how: ["jacobi", "jacobi"] }, 20);
 * failures.judge(1, { how: ["jacobi", "failed"] }, 30);
 * assert.deepEqual(failures.counts, [0, 1]);
 * assert.throws(
 *   () => failures.judge(1, { how: ["failed", "failed"] }, 40),
 *   { name: "NumericalError", layer: "dense2", step: 40 },
 * );
 * ```
 */
export class FailureCounts {
  /** The counts, in the layers' order; part of a checkpoint. */
  readonly counts: number[];
  readonly #layers: readonly string[];
  readonly #tolerated: number;

  /**
   * Of these layers.
   *
   * @param tolerated Failed refreshes of a layer in a row that are tolerated.
   */
  constructor(layers: readonly string[], tolerated: number) {
    this.#layers = layers;
    this.#tolerated = tolerated;
    this.counts = layers.map(() => 0);
  }

  /** Notes the counts; the result puts them back. */
  mark(): () => void {
    const counts = [...this.counts];
    return () => counts.forEach((count, index) => this.counts[index] = count);
  }

  /**
   * Counts a refresh.
   *
   * @throws {NumericalError} When more failed in a row than is tolerated.
   */
  judge(index: number, refresh: Refresh, step: number): void {
    this.counts[index] = hasFailed(refresh) ? this.counts[index] + 1 : 0;
    if (this.counts[index] <= this.#tolerated) return;
    const layer = this.#layers[index];
    throw new NumericalError(
      `Cannot refresh the curvature of layer '${layer}' at step ${step}: its factors could not be ` +
        `decomposed ${this.counts[index]} times in a row. Try a smaller learning rate, a larger ` +
        "damping, or inputs scaled to unit variance",
      { layer, quantity: "basis", step },
    );
  }
}
