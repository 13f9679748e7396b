/**
 * What has been measured so far, so that a long bench can be run in parts: one JSON object per line.
 *
 * @module
 */

import type { Row } from "../results.ts";

/** What a measurement is of: it is not made twice. */
export interface EntryKey {
  /** The task's name. */
  readonly task: string;
  /** Of weights and order. */
  readonly seed: number;
  /** Whether it was only a first look. */
  readonly quick: boolean;
}

/** A measurement. */
export interface Entry extends EntryKey {
  /** Day, ISO 8601. */
  readonly date: string;
  /** Why its seconds are not to be trusted, or `null`. */
  readonly contended: string | null;
  /** What was measured. */
  readonly row: Row;
}

/** A file of measurements. */
export class Journal {
  readonly #path: string;
  readonly #entries: Entry[];

  private constructor(path: string, entries: Entry[]) {
    this.#path = path;
    this.#entries = entries;
  }

  /** Reads a file; it need not exist. A last line that was cut off is left out. */
  static async open(path: string): Promise<Journal> {
    try {
      const lines = (await Deno.readTextFile(path)).split("\n");
      const complete = lines.slice(0, -1);
      return new Journal(path, complete.map((line) => JSON.parse(line) as Entry));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return new Journal(path, []);
      throw error;
    }
  }

  /** All measurements, in the order in which they were made. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** A measurement, or `undefined` where it is still to be made. */
  find({ task, seed, quick }: EntryKey): Entry | undefined {
    return this.#entries.find((entry) =>
      entry.task === task && entry.seed === seed && entry.quick === quick
    );
  }

  /** Adds a measurement, and writes it down at once. */
  async add(entry: Entry): Promise<void> {
    this.#entries.push(entry);
    const folder = this.#path.slice(0, this.#path.lastIndexOf("/"));
    if (folder !== "") await Deno.mkdir(folder, { recursive: true });
    const lines = this.#entries.map((each) => JSON.stringify(each) + "\n").join("");
    await Deno.writeTextFile(`${this.#path}.tmp`, lines);
    await Deno.rename(`${this.#path}.tmp`, this.#path);
  }
}
