/**
 * How the comparing benches speak: objects line by line for programs (`--json`), tables for people,
 * remarks on standard error in both cases.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { Row } from "./results.ts";

/** What every comparing bench can be told. */
export interface BenchArguments {
  /** Print one JSON object per line instead of tables. */
  readonly json: boolean;
  /** Append the run to `bench/results/<machine>.json`. */
  readonly save: boolean;
  /** Only work whose name contains one of these, ignoring case; all when empty. */
  readonly only: readonly string[];
  /** Time for each comparison, in seconds. */
  readonly seconds: number;
  /** Threads of our backend. */
  readonly threads: number;
}

/**
 * Reads the command line; prints the help and ends the program when asked to.
 *
 * @param usage First lines of the help.
 * @param seconds Default of `--seconds`.
 * @throws {TypeError | RangeError} On an unknown option or an impossible value.
 */
export function readBenchArguments(usage: string, seconds: number): BenchArguments {
  const { values } = parseArgs({
    args: [...Deno.args],
    options: {
      json: { type: "boolean", default: false },
      save: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      seconds: { type: "string", default: String(seconds) },
      threads: { type: "string", default: "1" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(`${usage}

  --json           one JSON object per line instead of tables
  --save           append the run to bench/results/<machine>.json
  --only TEXT      only work whose name contains TEXT; may be repeated
  --seconds N      time for each comparison (default: ${seconds})
  --threads N      threads of our backend (default: 1)`);
    Deno.exit();
  }
  const { json, save, only } = values;
  const numbers = { seconds: Number(values.seconds), threads: Number(values.threads) };
  for (const name of ["seconds", "threads"] as const) {
    if (numbers[name] > 0) continue;
    throw new RangeError(`'--${name}' must be a number > 0: received ${values[name]}`);
  }
  return { json, save, only, ...numbers };
}

/** Whether work of this name was asked for. */
export function isWanted(name: string, only: readonly string[]): boolean {
  const lower = name.toLowerCase();
  return only.length === 0 || only.some((text) => lower.includes(text.toLowerCase()));
}

/** Prints an object on a line of its own. */
export function printJson(row: Row): void {
  console.log(JSON.stringify(row));
}

/** A remark for people, which leaves standard output to the results. */
export function remark(text: string): void {
  console.error(text);
}
