/**
 * Checking of user options: unknown names are rejected with the nearest known one, values with the
 * offending value in the message. `schema.ts` builds on these.
 *
 * @module
 */

import { OptionError } from "./errors.ts";

/**
 * Throws when `input` has a key that is not in `known`.
 *
 * @param subject What was being done: `"Cannot create TEKFAC"`.
 * @param input The user's options, or a nested group of them.
 * @param known All names that are allowed.
 * @param path Prefix of nested names, `"damping."`. @default {""}
 * @throws {OptionError} Names the unknown key and the nearest known one.
 *
 * @example Options of a function of your own
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const subject = "Cannot create a layer";
 * assert.throws(() => checkKnownKeys(subject, { untis: 3 }, ["units"]), /units/);
 * assert.equal(checkNumber(subject, "units", 3, { min: 1, integer: true }), 3);
 * assert.equal(checkChoice(subject, "kind", "max", ["max", "average"]), "max");
 * assert.equal(nearestName("tekfak", ["adam", "tekfac"]), "tekfac");
 * ```
 */
export function checkKnownKeys(
  subject: string,
  input: object,
  known: readonly string[],
  path = "",
): void {
  for (const key of Object.keys(input)) {
    if (known.includes(key)) continue;
    const nearest = nearestName(key, known);
    const hint = nearest === undefined
      ? `is not an option (known: ${known.join(", ")})`
      : `is not an option, did you mean '${path}${nearest}'?`;
    throw new OptionError(subject, path + key, hint, (input as Record<string, unknown>)[key]);
  }
}

/** A closed or half-open range of numbers. `above` and `below` exclude their bound. */
export interface NumberRange {
  /** Smallest allowed value, included. */
  readonly min?: number;
  /** Largest allowed value, included. */
  readonly max?: number;
  /** Bound from below, excluded. */
  readonly above?: number;
  /** Bound from above, excluded. */
  readonly below?: number;
  /** Whether only integers are allowed. */
  readonly integer?: boolean;
}

/**
 * Returns `value` when it is a finite number in the range.
 *
 * @throws {OptionError} Otherwise.
 */
export function checkNumber(
  subject: string,
  option: string,
  value: unknown,
  range: NumberRange = {},
): number {
  const inside = typeof value === "number" && Number.isFinite(value) &&
    (range.min === undefined || value >= range.min) &&
    (range.max === undefined || value <= range.max) &&
    (range.above === undefined || value > range.above) &&
    (range.below === undefined || value < range.below) &&
    (!range.integer || Number.isInteger(value));
  if (!inside) throw new OptionError(subject, option, `must be ${describeRange(range)}`, value);
  return value;
}

/**
 * Returns `value` when it is one of the choices.
 *
 * @throws {OptionError} Otherwise, with the nearest choice.
 */
export function checkChoice<T extends string>(
  subject: string,
  option: string,
  value: unknown,
  choices: readonly T[],
): T {
  if (choices.includes(value as T)) return value as T;
  const nearest = typeof value === "string" ? nearestName(value, choices) : undefined;
  const hint = nearest === undefined ? "" : ` (did you mean '${nearest}'?)`;
  throw new OptionError(
    subject,
    option,
    `must be one of ${choices.map((c) => `'${c}'`).join(", ")}${hint}`,
    value,
  );
}

/** The known name with the smallest edit distance, if it is close enough to be meant. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** A range in words: `"a finite number > 0"`. */
export function describeRange(range: NumberRange): string {
  const bounds = [
    range.min === undefined ? "" : `>= ${range.min}`,
    range.above === undefined ? "" : `> ${range.above}`,
    range.max === undefined ? "" : `<= ${range.max}`,
    range.below === undefined ? "" : `< ${range.below}`,
  ].filter((bound) => bound !== "");
  return `${range.integer ? "an integer" : "a finite number"} ${bounds.join(" and ")}`.trim();
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}

/**
 * Checks an option that is true or false.
 *
 * @throws {OptionError} Otherwise.
 *
 * @example What people type in its place
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(checkFlag("Cannot train", "staggered", true), true);
 * assert.throws(() => checkFlag("Cannot train", "staggered", "no"), { name: "OptionError" });
 * ```
 */
export function checkFlag(subject: string, option: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new OptionError(subject, option, "must be true or false", value);
}
