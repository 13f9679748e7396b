/**
 * A group of one.
 *
 * @module
 */

import { Collective, type Moves } from "./collective.ts";
import type { Group } from "./group.ts";
import type { Sendable } from "./numbers.ts";

/**
 * A group of this rank alone, for programs that run with and without others: its sums are what is there.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * using group = soloGroup();
 * const numbers = new Float64Array([1, 2]);
 * group.allReduce(numbers);
 * assert.deepEqual([...numbers], [1, 2]);
 * ```
 */
export function soloGroup(): Group {
  return new SoloGroup(0, 1);
}

/** Nobody is waited for: no sequence has a move. */
class SoloGroup extends Collective<never, never> {
  readonly name = "one";
  readonly canBlock = true;

  protected *sum(): Moves<never, never, void> {}

  protected *spread(): Moves<never, never, void> {}

  // deno-lint-ignore require-yield
  protected *gather<T extends Sendable>(part: T): Moves<never, never, T[]> {
    return [part.slice() as T];
  }

  protected *swap(): Moves<never, never, void> {}

  protected block(): never {
    throw new TypeError("nobody is waited for");
  }

  protected later(): Promise<never> {
    return Promise.reject(new TypeError("nobody is waited for"));
  }

  protected leave(): void {}
}
