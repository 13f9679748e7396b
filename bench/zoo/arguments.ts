/**
 * The command line of the zoo.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { JUDGED, type Judged, type PlainOptions } from "./contenders.ts";

/** What the zoo was told. */
export interface ZooArguments {
  /** Only rows whose names contain one of these, ignoring case; all when empty. */
  readonly only: readonly string[];
  /** Seeds of every row; each row's own number when `undefined`. */
  readonly seeds: number | undefined;
  /** Who is judged. */
  readonly optimizers: readonly Judged[];
  /** Only the short rows. */
  readonly short: boolean;
  /** Extra rows, too. */
  readonly all: boolean;
  /** Directory of data. */
  readonly data: string;
  /** Options of those who are judged. */
  readonly options: PlainOptions;
  /** Whether AdamW is run beside them. */
  readonly rivals: boolean;
  /** File for everything that was seen. */
  readonly json: string | undefined;
}

const USAGE = `deno task zoo
Problems on which an optimizer's defaults are judged, beside AdamW at three rates.

  --only TEXT       only rows whose name contains TEXT; may be repeated
  --short           only rows that need no data and little time
  --all             every depth and width of the deep networks
  --seeds N         seeds of every row (default: the row's own number)
  --optimizer A,B   who is judged: ${JUDGED.join(", ")} (default: tekfac)
  --set KEY=JSON    an option of those who are judged; may be repeated
  --no-rivals       without AdamW; rows that need it for a verdict have none
  --data DIR        folders uci, mnist10k, cifar10-small (default: ../shared/data)
  --json FILE       write all that was seen`;

/**
 * Reads the command line; prints the help and ends the program when asked to.
 *
 * @throws {TypeError | RangeError} On an unknown option or an impossible value.
 */
export function readZooArguments(args: readonly string[]): ZooArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true, default: [] },
      seeds: { type: "string" },
      optimizer: { type: "string", default: "tekfac" },
      short: { type: "boolean", default: false },
      all: { type: "boolean", default: false },
      data: { type: "string", default: "../shared/data" },
      set: { type: "string", multiple: true, default: [] },
      "no-rivals": { type: "boolean", default: false },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    Deno.exit();
  }
  const { only, short, all, data, json } = values;
  return {
    ...{ only, short, all, data, json },
    seeds: values.seeds === undefined ? undefined : countFrom(values.seeds),
    optimizers: values.optimizer.split(",").map(judgedFrom),
    options: Object.fromEntries(values.set.map(optionFrom)),
    rivals: !values["no-rivals"],
  };
}

function countFrom(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new RangeError(`'--seeds' must be an integer >= 1: received ${text}`);
}

function judgedFrom(name: string): Judged {
  const method = JUDGED.find((known) => known === name.trim());
  if (method !== undefined) return method;
  throw new RangeError(`'--optimizer' must name some of ${JUDGED.join(", ")}: received ${name}`);
}

function optionFrom(text: string): [string, unknown] {
  const [, key, json] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  try {
    if (key !== undefined) return [key, JSON.parse(json)];
  } catch {
    // Said below.
  }
  throw new RangeError(
    `'--set' must be KEY=JSON, as in --set momentum=false or --set 'klClip={"kind":"fixed","kl":1e-3}': ` +
      `received ${text}`,
  );
}
