/**
 * Saving while a training goes on: hours of work must not end because a disk is full.
 *
 * @module
 */

import { DataError, StateError } from "../core/errors.ts";
import { writeWhole } from "./files.ts";

/** Writes states of a training into one file. One that cannot be written is told, and tried again later. */
export class Saving {
  readonly #path: string;
  /** What could not be written yet. */
  #unwritten: Uint8Array | undefined;

  /** @param path The file. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Writes a state. Where that fails, the file of the last time stays. */
  async write(state: () => Promise<Uint8Array>): Promise<void> {
    const then = "the last saved state stays, and training goes on";
    await attempt(async () => {
      this.#unwritten = await state();
      await this.#flush();
    }, then);
  }

  /** Tries once more what could not be written; the exit code tells when it could not. */
  async end(): Promise<void> {
    if (this.#unwritten === undefined) return;
    if (!await attempt(() => this.#flush(), "the end of the training is not saved")) {
      Deno.exitCode = 1;
    }
  }

  async #flush(): Promise<void> {
    await writeWhole(this.#path, this.#unwritten!);
    this.#unwritten = undefined;
  }
}

/**
 * Does what may fail without harm to the rest.
 *
 * @param consequence What that means, for a warning.
 * @returns Whether it went well.
 */
export async function attempt(work: () => Promise<void>, consequence: string): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof DataError || error instanceof StateError)) throw error;
    console.error(`${error.message}; ${consequence}`);
    return false;
  }
}
