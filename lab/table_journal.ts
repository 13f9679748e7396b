/**
 * A file of trainings on tables, one JSON object per line, so that hours of them can be interrupted.
 *
 * @module
 */

import { StateError } from "@tekfac/tekfac/core";
import type { ContenderName } from "./table_contenders.ts";
import type { Trial, TrialSettings } from "./table_trial.ts";

/** What a training is of. */
export interface TrialKey {
  readonly table: string;
  readonly split: number;
  readonly name: ContenderName;
  readonly factor: number;
}

/** Trainings that have been made; the first line says how. */
export class TableJournal {
  readonly #path: string;
  readonly #trials = new Map<string, Trial>();

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Opens a file, or begins one. A last line that was cut off is dropped.
   *
   * @throws {StateError} When its trainings were made in another way.
   */
  static async open(path: string, settings: TrialSettings): Promise<TableJournal> {
    const journal = new TableJournal(path);
    const head = JSON.stringify({ settings });
    const text = await Deno.readTextFile(path).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    });
    const lines = text.split("\n").slice(0, -1);
    if (lines.length > 0 && lines[0] !== head) {
      throw new StateError(
        `Cannot go on with '${path}': it was begun with ${lines[0]}, not ${head}`,
      );
    }
    for (const line of lines.slice(1)) {
      const { key, trial } = JSON.parse(line) as { key: TrialKey; trial: Trial };
      journal.#trials.set(nameOf(key), trial);
    }
    await Deno.writeTextFile(path, [head, ...lines.slice(1), ""].join("\n"));
    return journal;
  }

  /** A training that has been made. */
  find(key: TrialKey): Trial | undefined {
    return this.#trials.get(nameOf(key));
  }

  /** Writes a training down at once. */
  async add(key: TrialKey, trial: Trial): Promise<void> {
    this.#trials.set(nameOf(key), trial);
    await Deno.writeTextFile(this.#path, `${JSON.stringify({ key, trial })}\n`, { append: true });
  }
}

function nameOf({ table, split, name, factor }: TrialKey): string {
  return [table, split, name, factor].join(" ");
}
