/**
 * A directory that holds hours of work: what was asked for, and one line for each training that is done.
 * Interrupted at any point, it goes on where it was.
 *
 * @module
 */

import { DataError, StateError } from "@tekfac/tekfac/core";
import { readWhole, writeWhole } from "../src/cli/mod.ts";
import type { RunOutcome } from "./comparison.ts";
import type { Assignment, Journal } from "./laboratory.ts";
import { ContentionWatch } from "./machine.ts";
import { type Line, readLine, textOf } from "./run_lines.ts";

/** What decides the results of a comparison, and the times; plain JSON by name. */
export type Configuration = Readonly<Record<string, unknown>>;

const CONFIGURATION = "config.json";
const LINES = "runs.jsonl";

/** A {@linkcode Journal} in a directory, locked against other processes until it is disposed. */
export class RunDirectory implements Journal, Disposable {
  /** Restarted by whoever trains, before each training. */
  readonly watch = new ContentionWatch();
  readonly #file: Deno.FsFile;
  readonly #lines: Map<string, Line>;
  readonly #path: string;

  private constructor(path: string, file: Deno.FsFile, lines: Map<string, Line>) {
    this.#path = path;
    this.#file = file;
    this.#lines = lines;
  }

  /**
   * Opens a directory, or makes one. Nothing is written unless it can be used.
   *
   * @param path The directory.
   * @param configuration What the work is about; decides whether the directory may be used for it.
   * @throws {StateError} When the directory belongs to another configuration, holds something else, or
   * another process works in it.
   * @throws {DataError} When a file in it is damaged or cannot be written.
   */
  static async open(path: string, configuration: Configuration): Promise<RunDirectory> {
    // As it comes back from the file.
    const wanted = JSON.parse(JSON.stringify(configuration)) as Configuration;
    if (await isEmpty(path)) {
      await Deno.mkdir(path, { recursive: true });
      await writeWhole(`${path}/${CONFIGURATION}`, `${JSON.stringify(wanted, null, 2)}\n`);
    } else {
      await checkConfiguration(path, wanted);
    }
    const file = await Deno.open(`${path}/${LINES}`, { create: true, read: true, append: true });
    try {
      if (!await file.tryLock(true)) {
        throw new StateError(`Cannot work in '${path}': another process is working in it`);
      }
      return new RunDirectory(path, file, await readLines(`${path}/${LINES}`, file));
    } catch (error) {
      file.close();
      throw error;
    }
  }

  find(assignment: Assignment): RunOutcome | undefined {
    const line = this.#lines.get(keyOf(assignment));
    if (line === undefined) return undefined;
    const place = (of: Assignment): string => JSON.stringify([of.seed, sorted(of.point)]);
    if (place(line) !== place(assignment)) {
      throw new StateError(
        `Cannot go on in '${this.#path}': ${keyOf(assignment)} was done at ${
          place(line)
        }, expected ` +
          `${place(assignment)}; use another directory`,
      );
    }
    return line.outcome;
  }

  /** When this resolves, the line is on the disk; where it cannot be written, that is told, and the work goes on. */
  async add(assignment: Assignment, outcome: RunOutcome): Promise<void> {
    const finished = new Date().toISOString();
    const line: Line = { ...assignment, finished, others: this.watch.others, outcome };
    this.#lines.set(keyOf(assignment), line);
    const { size } = await this.#file.stat();
    try {
      const bytes = new TextEncoder().encode(`${textOf(line)}\n`);
      for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
      await this.#file.syncData();
    } catch (error) {
      // What follows must not stand behind half a line.
      await this.#file.truncate(size).catch(() => {});
      console.error(
        `Cannot write '${this.#path}/${LINES}': ${
          error instanceof Error ? error.message : error
        }; ` +
          `${keyOf(assignment)} will be done again after an interruption`,
      );
    }
  }

  /** Days of the first and the last training, `"2026-11-26"`; `undefined` before the first. */
  get days(): readonly [from: string, to: string] | undefined {
    const days = [...this.#lines.values()].map(({ finished }) => finished.slice(0, 10)).sort();
    return days.length === 0 ? undefined : [days[0], days[days.length - 1]];
  }

  /** Share of the machine's cores that other programs used during each run that counts. */
  get others(): readonly number[] {
    return [...this.#lines.values()].flatMap(({ kind, others }) =>
      kind === "trial" ? [] : [others]
    );
  }

  /** Closes the file, which unlocks it. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

function keyOf({ kind, optimizer, seed, index, epochs }: Assignment): string {
  if (kind === "trial") return `trial ${index} of ${optimizer}`;
  return `${optimizer} with seed ${seed}${kind === "timed" ? ` and ${epochs} epochs` : ""}`;
}

function sorted(object: object): unknown {
  return Object.entries(object).toSorted(([a], [b]) => a < b ? -1 : 1);
}

/** Whether nothing is there, but perhaps a configuration whose writing was interrupted. */
async function isEmpty(path: string): Promise<boolean> {
  const isUnfinished = (name: string): boolean =>
    name.startsWith(`${CONFIGURATION}.`) && name.endsWith(".tmp");
  try {
    for await (const { name } of Deno.readDir(path)) if (!isUnfinished(name)) return false;
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    if (error instanceof Deno.errors.NotADirectory) {
      throw new StateError(`Cannot work in '${path}': expected a directory, received a file`);
    }
    throw error;
  }
}

async function checkConfiguration(path: string, wanted: Configuration): Promise<void> {
  const file = `${path}/${CONFIGURATION}`;
  try {
    await Deno.stat(file);
  } catch {
    throw new StateError(
      `Cannot work in '${path}': expected an empty directory or one that a comparison has made, ` +
        "received one with other files",
    );
  }
  const held = parse(file, new TextDecoder().decode(await readWhole(file)));
  if (typeof held !== "object" || held === null || Array.isArray(held)) {
    throw new DataError(file, `expected a JSON object, received '${short(JSON.stringify(held))}'`);
  }
  for (const name of Object.keys({ ...held, ...wanted })) {
    const [old, now] = [(held as Configuration)[name], wanted[name]].map((value) =>
      JSON.stringify(value) ?? "none"
    );
    if (old === now) continue;
    throw new StateError(
      `Cannot work in '${path}': it holds a comparison whose ${name} is ${short(old)}, received ` +
        `${short(now)}; use another directory, or the settings of this one`,
    );
  }
}

function short(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 117)}...`;
}

function parse(source: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DataError(source, `expected JSON, received '${short(text)}'`, { cause });
  }
}

/**
 * All whole lines. One that an interruption has cut off is removed, so that the next starts afresh; one that is
 * damaged stays where it is and counts for nothing: its training will be done again.
 */
async function readLines(path: string, file: Deno.FsFile): Promise<Map<string, Line>> {
  const bytes = await readWhole(path);
  const end = bytes.lastIndexOf("\n".charCodeAt(0)) + 1;
  if (end < bytes.length) await file.truncate(end);
  const lines = new Map<string, Line>();
  const texts = new TextDecoder().decode(bytes.subarray(0, end)).split("\n").slice(0, -1);
  for (const [index, text] of texts.entries()) {
    const line = readLine(text);
    if (typeof line !== "string") lines.set(keyOf(line), line);
    else {
      console.error(
        `'${path}', line ${index + 1} is damaged (${line}): '${
          short(text)
        }'; it is passed over, and what it ` +
          "told of will be done again",
      );
    }
  }
  return lines;
}
