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
  /** Append the run to `bench/results/<machine>.json`. */
  readonly save: boolean;
  /** Print one JSON object per line instead of a table. */
  readonly json: boolean;
  /** Seed of all runs. */
  readonly seed: number;
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
  --seed N       seed of all runs (default: 1)
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
      seed: { type: "string", default: "1" },
      threads: { type: "string", default: "1" },
      data: { type: "string", default: "../shared/data" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    Deno.exit();
  }
  const { only, quick, save, json, data } = values;
  const [seed, threads] = (["seed", "threads"] as const).map((name) => {
    const count = Number(values[name]);
    if (Number.isInteger(count) && count >= 1) return count;
    throw new RangeError(`'--${name}' must be an integer >= 1: received ${values[name]}`);
  });
  return { only, quick, save, json, data, seed, threads };
}
