/**
 * The command line of the bench.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** What the bench was told. */
export interface TargetArguments {
  /** Only tasks whose names contain one of these, ignoring case; all when empty. */
  readonly only: readonly string[];
  /** A third of the epochs and fewer rates. */
  readonly quick: boolean;
  /** Run nothing: print the table of what the journal has. */
  readonly table: boolean;
  /** Append the run to `bench/results/<machine>.json`. */
  readonly save: boolean;
  /** Print one JSON object per line instead of a table. */
  readonly json: boolean;
  /** Seeds of weights and order; each task is run with each. */
  readonly seeds: readonly number[];
  /** File of what has been measured: it is not measured again. */
  readonly journal: string;
  /** Threads of the backend. */
  readonly threads: number;
  /** Directory of data. */
  readonly data: string;
}

const USAGE = `deno task bench:target
Steps and seconds until the held-out value that the best AdamW run ends with.

  --only TEXT    only tasks whose name contains TEXT; may be repeated
  --quick        a third of the epochs, two rates
  --save         append the run to bench/results/<machine>.json
  --json         one JSON object per line instead of a table
  --seeds A,B    seeds of weights and order (default: 1)
  --journal FILE what has been measured so far, not to be measured again (default: runs/target.jsonl)
  --table        run nothing, print the table of the journal
  --threads N    threads of our backend (default: 1)
  --data DIR     folders uci, mnist10k, cifar10-small (default: ../shared/data)`;

/**
 * Reads the command line; prints the help and ends the program when asked to.
 *
 * @throws {TypeError | RangeError} On an unknown option or an impossible value.
 */
export function readTargetArguments(args: readonly string[]): TargetArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true, default: [] },
      quick: { type: "boolean", default: false },
      save: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      seeds: { type: "string", default: "1" },
      journal: { type: "string", default: "runs/target.jsonl" },
      table: { type: "boolean", default: false },
      threads: { type: "string", default: "1" },
      data: { type: "string", default: "../shared/data" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    Deno.exit();
  }
  const { only, quick, table, save, json, journal, data } = values;
  const count = (name: string, text: string): number => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= 1) return number;
    throw new RangeError(`'--${name}' must be an integer >= 1: received ${text}`);
  };
  const seeds = values.seeds.split(",").map((text) => count("seeds", text));
  const threads = count("threads", values.threads);
  return { only, quick, table, save, json, journal, data, seeds, threads };
}
