/**
 * What can go back to where it was.
 *
 * @module
 */

/** Has state besides matrices that can be noted, and put back to the last bit. */
export interface Markable {
  /** Notes the state; the result puts it back, whatever has become of it since. */
  mark?(): () => void;
}

/**
 * Marks several things at once.
 *
 * @example Two counters go back together
 * ```ts
 * import assert from "node:assert/strict";
 * import { markAll } from "@tekfac/tekfac/core";
 *
 * class Counter {
 *   count = 0;
 *   mark(): () => void {
 *     const { count } = this;
 *     return () => void (this.count = count);
 *   }
 * }
 * const counters = [new Counter(), new Counter()];
 * const goBack = markAll(counters);
 * counters[0].count++;
 * goBack();
 * assert.equal(counters[0].count, 0);
 * ```
 */
export function markAll(things: readonly (Markable | undefined)[]): () => void {
  const marks = things.map((thing) => thing?.mark?.());
  return () => marks.forEach((goBack) => goBack?.());
}
