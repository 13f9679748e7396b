/**
 * What an option that shares work out among ranks takes.
 *
 * @module
 */

import { optional, type Rule, where } from "../core/schema.ts";

/** What the option `workerFraction` takes. */
export const fractionRule: Rule<number | "auto"> = optional(
  where(
    "a number > 0 and <= 1 or 'auto'",
    (value): value is number | "auto" =>
      value === "auto" || typeof value === "number" && value > 0 && value <= 1,
  ),
  "auto",
);
