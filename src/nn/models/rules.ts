/**
 * What options of models take.
 *
 * @module
 */

import { choice, number, type Rule, where } from "../../core/schema.ts";

/** Numbers of units, channels or classes. */
export const size: Rule<number> = number({ min: 1, integer: true });

/** Numbers of units, layer by layer. */
export const sizes: Rule<readonly number[]> = where(
  "a list of integers >= 1",
  (value): value is readonly number[] =>
    Array.isArray(value) && value.every((entry) => Number.isInteger(entry) && entry >= 1),
);

/** A nonlinearity by name. */
export const nonlinearity: Rule<"relu" | "tanh" | "sigmoid"> = choice("relu", "tanh", "sigmoid");
