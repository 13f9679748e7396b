/**
 * Layers by name.
 *
 * @module
 */

import { maybe, type Rule, where } from "../core/schema.ts";

/** Whether a value is a list of names. */
export function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}

/** What an option takes that chooses layers; all of them where it is left out. */
export const layersRule: Rule<readonly string[] | undefined> = maybe(
  where("a list of layers' names", isNames),
);
