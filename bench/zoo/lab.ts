/**
 * Where rows are run: a backend, and data that is read once.
 *
 * @module
 */

import { type Backend, createBackend, type DatasetSplit, readDirectory } from "@tekfac/tekfac";
import type { DataFolder } from "./row.ts";
import { readTable, type TableFile } from "./table_file.ts";

/** A backend and a directory of data. */
export class Lab implements Disposable {
  /** Computes everything. */
  readonly backend: Backend;
  readonly #directory: string | undefined;
  readonly #read = new Map<string, Promise<unknown>>();

  private constructor(backend: Backend, directory: string | undefined) {
    this.backend = backend;
    this.#directory = directory;
  }

  /**
   * Opens a lab.
   *
   * @param directory Holds the folders of data.
   * @param threads One, unless nothing else runs: rows of the zoo run side by side, and their figures do
   * not depend on the machine's cores.
   */
  static async open(directory?: string, threads = 1): Promise<Lab> {
    return new Lab(await createBackend({ prefer: ["wasm"], threads }), directory);
  }

  /** A regression table of the folder `uci`. */
  table(name: string): Promise<TableFile> {
    return this.#once(`uci/${name}`, (path) => readTable(path));
  }

  /** Images of a folder, as they are stored. */
  images(folder: DataFolder): Promise<DatasetSplit> {
    return this.#once(folder, (path) => readDirectory(path));
  }

  #once<T>(path: string, read: (path: string) => Promise<T>): Promise<T> {
    if (this.#directory === undefined) throw new Error(`No data: '${path}' needs --data DIR`);
    const kept = this.#read.get(path) as Promise<T> | undefined;
    if (kept !== undefined) return kept;
    const reading = read(`${this.#directory}/${path}`);
    this.#read.set(path, reading);
    return reading;
  }

  [Symbol.dispose](): void {
    this.backend[Symbol.dispose]();
  }
}
