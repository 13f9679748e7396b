/**
 * Two workers share the rows. One begins at the front and one at the back: cheap rows are in front and
 * expensive ones behind, so that the first lines come soon and nobody waits long for the last.
 *
 * @module
 */

import type { Line } from "./judging.ts";
import type { ZooRow } from "./row.ts";
import type { Answer, Opening } from "./worker.ts";

/** What the crew tells while it works. */
export interface CrewObserver {
  /** A row has begun. */
  onStart(row: ZooRow): void;
  /** A row is finished. */
  onLines(row: ZooRow, lines: readonly Line[]): void;
}

/**
 * Runs rows in workers.
 *
 * @param rows Which.
 * @param opening What holds for all of them.
 * @param workers How many at a time.
 * @param observer Is told of each.
 * @throws {Error} When a row could not be run at all.
 */
export async function runRows(
  rows: readonly ZooRow[],
  opening: Opening,
  workers: number,
  observer: CrewObserver,
): Promise<void> {
  const queue = [...rows];
  const hands = Array.from({ length: Math.min(workers, rows.length) }, () => new Hand());
  try {
    await Promise.all(hands.map(async (hand, index) => {
      await hand.ask(opening);
      for (;;) {
        const row = index % 2 === 0 ? queue.shift() : queue.pop();
        if (row === undefined) return;
        observer.onStart(row);
        const { lines, error } = await hand.ask(row.name);
        if (error !== undefined) throw new Error(error);
        observer.onLines(row, lines ?? []);
      }
    }));
  } finally {
    for (const hand of hands) hand.dismiss();
  }
}

/** A worker that answers one message after the other. */
class Hand {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url).href, { type: "module" });

  ask(message: Opening | string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
      this.#worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      this.#worker.postMessage(message);
    });
  }

  dismiss(): void {
    this.#worker.terminate();
  }
}
