/**
 * Results kept from run to run, one file per machine: `bench/results/<machine>.json`.
 *
 * @module
 */

import { fileNameOf, type Machine } from "./machine.ts";

/** One line of a table: a name and a number, or several, as the bench's `--json` prints them. */
export type Row = Readonly<Record<string, string | number | null>>;

/** One run of one bench. */
export interface Run {
  /** Name of the bench: `"step"`, `"peers"`. */
  readonly bench: string;
  /** Day of the run, ISO 8601: `"2026-01-31"`. */
  readonly date: string;
  /** The runtime it ran on. */
  readonly runtime: string;
  /** Our backend, `"wasm (relaxed SIMD)"`, where the run is of one. */
  readonly backend?: string;
  /** Why the figures are not to be trusted, or `null`. */
  readonly contended: string | null;
  /** What was measured. */
  readonly rows: readonly Row[];
}

/** The contents of a results file. */
export interface Results {
  /** Processor and cores. */
  readonly machine: string;
  /** Runs, oldest first. */
  readonly runs: readonly Run[];
}

const FOLDER = new URL("./results/", import.meta.url);

/**
 * Appends a run to the machine's file.
 *
 * @returns The file's URL.
 */
export async function appendRun(machine: Machine, run: Omit<Run, "runtime">): Promise<URL> {
  const file = new URL(`${fileNameOf(machine)}.json`, FOLDER);
  const { runs } = await readResults(file) ?? { runs: [] };
  const results: Results = {
    machine: machine.name,
    runs: [...runs, { ...run, runtime: machine.runtime }],
  };
  await Deno.mkdir(FOLDER, { recursive: true });
  await Deno.writeTextFile(file, JSON.stringify(results, null, 2) + "\n");
  return file;
}

/** The contents of a results file, or `undefined` when there is none. */
export async function readResults(file: URL): Promise<Results | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(file)) as Results;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
