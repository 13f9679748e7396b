/**
 * Command-line arguments from one table: reading, checking, help.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { checkChoice, checkNumber, nearestName, type NumberRange } from "../core/options.ts";
import { OptionError } from "../core/errors.ts";

/** What an option may be set to. */
export type ArgumentKind =
  /** Present or absent. */
  | { readonly kind: "flag" }
  /** Any text that is not empty; `placeholder` stands for it in the help. */
  | { readonly kind: "text"; readonly placeholder: string }
  /** An integer in a range. */
  | { readonly kind: "integer"; readonly range: NumberRange }
  /** One of some words. */
  | { readonly kind: "choice"; readonly choices: readonly string[] }
  /** Some of them, separated by commas. */
  | { readonly kind: "choices"; readonly choices: readonly string[] };

/** One option of a command. */
export type ArgumentSpec = ArgumentKind & { readonly help: string };

/** All options of a command, by name without the dashes. */
export type ArgumentTable = Readonly<Record<string, ArgumentSpec>>;

/** The value that a kind of option has once it is checked. */
export type ArgumentValue<S extends ArgumentKind> = S extends { kind: "flag" } ? true
  : S extends { kind: "integer" } ? number
  : S extends { kind: "choice"; choices: readonly (infer C)[] } ? C
  : S extends { kind: "choices"; choices: readonly (infer C)[] } ? C[]
  : string;

/** The options that were given, checked. */
export type ArgumentValues<T extends ArgumentTable> = {
  readonly [K in keyof T]?: ArgumentValue<T[K]>;
};

/**
 * Reads the arguments of a command.
 *
 * @param command Name of the command, for messages.
 * @param args The arguments, without the program's name.
 * @param table The options it has.
 * @throws {OptionError} On an unknown option, a missing, superfluous or impossible value, or an
 * argument that belongs to no option.
 */
export function readArguments<const T extends ArgumentTable>(
  command: string,
  args: readonly string[],
  table: T,
): ArgumentValues<T> {
  const subject = `Cannot run '${command}'`;
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(table).map(([name, { kind }]) => [
        name,
        { type: kind === "flag" ? "boolean" : "string" },
      ]),
    ),
    strict: false, // the messages of the strict mode do not say what would be right
    tokens: true,
  });
  const values: Record<string, unknown> = {};
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      throw new OptionError(subject, token.value, "belongs to no option", token.value);
    }
    if (!Object.hasOwn(table, token.name)) {
      throw unknownOption(subject, token.rawName, token.value, table);
    }
    values[token.name] = checked(subject, token.rawName, token.value, table[token.name]);
  }
  return values as ArgumentValues<T>;
}

/** The help of a command: usage, what it does, and one line per option. */
export function helpText(command: string, purpose: string, table: ArgumentTable): string {
  const rows = Object.entries(table).map(([name, spec]) => {
    const value = placeholderOf(spec);
    return [`  --${name}${value === "" ? "" : ` ${value}`}`, spec.help];
  });
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    `Usage: deno task ${command} [options]`,
    "",
    purpose,
    "",
    "Options:",
    ...rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`),
  ].join("\n");
}

function unknownOption(
  subject: string,
  rawName: string,
  value: string | undefined,
  table: ArgumentTable,
): OptionError {
  const known = Object.keys(table);
  const nearest = nearestName(rawName.replace(/^-+/, ""), known);
  const hint = nearest === undefined
    ? `is not an option (known: ${known.map((name) => `--${name}`).join(", ")})`
    : `is not an option, did you mean '--${nearest}'?`;
  return new OptionError(subject, rawName, hint, value ?? rawName);
}

function checked(
  subject: string,
  option: string,
  text: string | undefined,
  spec: ArgumentSpec,
): unknown {
  if (spec.kind === "flag") {
    if (text === undefined) return true;
    throw new OptionError(subject, option, "takes no value", text);
  }
  if (text === undefined || text === "") {
    throw new OptionError(subject, option, `needs a value ${placeholderOf(spec)}`, "nothing");
  }
  switch (spec.kind) {
    case "text":
      return text;
    case "integer": {
      // What is no number is shown as it was typed.
      const number = Number(text);
      return checkNumber(subject, option, Number.isFinite(number) ? number : text, {
        ...spec.range,
        integer: true,
      });
    }
    case "choice":
      return checkChoice(subject, option, text, spec.choices);
    case "choices":
      return text.split(",").map((word) => checkChoice(subject, option, word.trim(), spec.choices));
  }
}

function placeholderOf(spec: ArgumentKind): string {
  switch (spec.kind) {
    case "flag":
      return "";
    case "text":
      return spec.placeholder;
    case "integer":
      return "N";
    case "choice":
      return spec.choices.join("|");
    case "choices":
      return "A,B,...";
  }
}
