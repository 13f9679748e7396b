/**
 * Options declared once: what each takes and what it is where it is left out. From one table follow the check,
 * the suggestion for a misspelt name, the defaults, the freezing and the table in docs/OPTIONS.md.
 *
 * @module
 */

import { OptionError } from "./errors.ts";
import {
  checkChoice,
  checkKnownKeys,
  checkNumber,
  describeRange,
  type NumberRange,
} from "./options.ts";
import type { Schedule } from "./schedule.ts";

/** What an option takes. */
export interface Rule<T> {
  /** In words that follow "must be": `"a finite number > 0"`. */
  readonly takes: string;
  /** The value, checked, complete and frozen. */
  readonly check: (subject: string, option: string, value: unknown) => T;
  /** What it is where it is left out. */
  readonly preset?: unknown;
  /** Whether members that are left out are those of the preset. */
  readonly merges?: boolean;
}

/** Rules by name of the option. */
export type Schema = Readonly<Record<string, Rule<unknown>>>;

/** A rule for every option that a type has, and for no other. */
export type SchemaOf<T> = { readonly [K in keyof Required<T>]: Rule<unknown> };

/** What options are when they have been resolved. */
export type Resolved<S> = { readonly [K in keyof S]: S[K] extends Rule<infer T> ? T : never };

/**
 * Checks options and completes them.
 *
 * @param subject What was being done: `"Cannot create TEKFAC"`.
 * @param options The user's.
 * @param presets What is left out, where it is not the rules' own preset.
 * @param path Prefix of the names, `"damping."`. @default {""}
 * @returns A new, frozen object with every option of the schema.
 * @throws {OptionError} Names the first option that is unknown or cannot be meant.
 */
export function resolve<S extends Schema>(
  subject: string,
  options: unknown,
  schema: S,
  presets: Readonly<Record<string, unknown>> = {},
  path = "",
): Resolved<S> {
  const group = path === "" ? "options" : path.slice(0, -1);
  const names = Object.keys(schema);
  if (!isRecord(options)) {
    throw new OptionError(subject, group, `must be ${recordOf(names)}`, options);
  }
  checkKnownKeys(subject, options, names, path);
  const entries = names.map((name) => {
    const rule = schema[name];
    const preset = Object.hasOwn(presets, name) ? presets[name] : rule.preset;
    return [name, rule.check(subject, path + name, given(rule, options[name], preset))];
  });
  return Object.freeze(Object.fromEntries(entries));
}

function given({ merges }: Rule<unknown>, value: unknown, preset: unknown): unknown {
  if (value === undefined) return preset;
  if (!merges || !isRecord(value) || !isRecord(preset)) return value;
  const said = Object.entries(value).filter(([, member]) => member !== undefined);
  return { ...preset, ...Object.fromEntries(said) };
}

/** Whether a value is a plain object, of this program or of another frame. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === "[object Object]";
}

function recordOf(names: readonly string[]): string {
  return `an object with some of ${names.join(", ")}`;
}

/** The rule with a default. */
export function optional<T>(rule: Rule<T>, preset: unknown): Rule<T> {
  return { ...rule, preset };
}

/** The rule, or nothing. */
export function maybe<T>(rule: Rule<T>): Rule<T | undefined> {
  const check: Rule<T | undefined>["check"] = (subject, option, value) =>
    value === undefined ? undefined : rule.check(subject, option, value);
  return { ...rule, check };
}

/** A finite number. */
export function number(range: NumberRange = {}): Rule<number> {
  return {
    takes: describeRange(range),
    check: (subject, option, value) => checkNumber(subject, option, value, range),
  };
}

/** True or false. */
export const flag: Rule<boolean> = where(
  "true or false",
  (value): value is boolean => typeof value === "boolean",
);

/** One of some words. */
export function choice<const T extends string>(...choices: readonly T[]): Rule<T> {
  return {
    takes: choices.map((name) => `'${name}'`).join(" or "),
    check: (subject, option, value) => checkChoice(subject, option, value, choices),
  };
}

/** Whatever a test lets pass. */
export function where<T>(takes: string, test: (value: unknown) => value is T): Rule<T> {
  const check = (subject: string, option: string, value: unknown): T => {
    if (test(value)) return value;
    throw new OptionError(subject, option, `must be ${takes}`, value);
  };
  return { takes, check };
}

/** A function; what it returns is checked where it is called. */
export function callback<F>(takes: string): Rule<F> {
  return where(takes, (value): value is F => typeof value === "function");
}

/** `false`, or what a rule takes. */
export function off<T>(rule: Rule<T>): Rule<T | false> {
  const takes = `false or ${rule.takes}`;
  const check = (subject: string, option: string, value: unknown): T | false => {
    if (value === false) return false;
    if (value === undefined || value === null || value === true) {
      throw new OptionError(subject, option, `must be ${takes}`, value);
    }
    return rule.check(subject, option, value);
  };
  return { ...rule, takes, check };
}

/** A group of options. */
export function record<S extends Schema>(schema: S): Rule<Resolved<S>> {
  return {
    takes: recordOf(Object.keys(schema)),
    merges: true,
    check: (subject, option, value) => resolve(subject, value, schema, {}, `${option}.`),
  };
}

/** One of several groups of options, which a member tells apart. */
export function variant<T>(tag: string, kinds: Readonly<Record<string, Schema>>): Rule<T> {
  const names = Object.keys(kinds);
  const takes = `{ ${tag}: ${names.map((name) => `'${name}'`).join(" | ")}, ... }`;
  const check = (subject: string, option: string, value: unknown): T => {
    if (!isRecord(value)) throw new OptionError(subject, option, `must be ${takes}`, value);
    const kind = checkChoice(subject, `${option}.${tag}`, value[tag], names);
    const schema = { [tag]: choice(kind), ...kinds[kind] };
    return resolve(subject, value, schema, {}, `${option}.`) as T;
  };
  return { takes, check };
}

/**
 * A rule that also takes what people type for short.
 *
 * @param takes What else it takes, in words.
 * @param short The value in full, or `undefined` where it is not short.
 */
export function shorthand<T>(
  rule: Rule<T>,
  takes: string,
  short: (value: unknown) => unknown,
): Rule<T> {
  const all = `${takes} or ${rule.takes}`;
  const check = (subject: string, option: string, value: unknown): T => {
    const full = short(value) ?? value;
    if (isRecord(full)) return rule.check(subject, option, full);
    throw new OptionError(subject, option, `must be ${all}`, value);
  };
  return { ...rule, takes: all, check };
}

/** A number or a function of the step; the function's values are checked like the number, each when its step comes. */
export function schedule(range: NumberRange = {}): Rule<Schedule> {
  const takes = `${describeRange(range)} or a function of the step`;
  const check = (subject: string, option: string, value: unknown): Schedule => {
    if (typeof value === "function") {
      return checkedSchedule(value as (step: number) => number, option, range);
    }
    if (typeof value === "number") return checkNumber(subject, option, value, range);
    throw new OptionError(subject, option, `must be ${takes}`, value);
  };
  return { takes, check };
}

/** Whether a value can only be meant as a schedule. */
export function isSchedule(value: unknown): value is Schedule {
  return typeof value === "number" || typeof value === "function";
}

/** Schedules that check themselves. */
const checked = new WeakSet<object>();

/** Asks once a step, however often the value is needed. */
function checkedSchedule(
  schedule: (step: number) => number,
  option: string,
  range: NumberRange,
): Schedule {
  if (checked.has(schedule)) return schedule;
  let last: { readonly step: number; readonly value: number } | undefined;
  const ask = (step: number): number => {
    if (last?.step === step) return last.value;
    const value = checkNumber(`Cannot take step ${step}`, option, schedule(step), range);
    last = { step, value };
    return value;
  };
  checked.add(ask);
  return ask;
}

/** All functions of the step in resolved options, so that their values can be checked before a step begins. */
export function schedulesIn(options: unknown): ((step: number) => number)[] {
  if (typeof options === "function") {
    return checked.has(options) ? [options as (step: number) => number] : [];
  }
  return isRecord(options) || Array.isArray(options)
    ? Object.values(options).flatMap(schedulesIn)
    : [];
}
