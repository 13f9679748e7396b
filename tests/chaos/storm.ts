/**
 * A kind of misfortune, and rounds of it whose outcome has to be what it would have been without.
 *
 * @module
 */

import { Random } from "@tekfac/tekfac/core";

/** How much of what happened: `{ kills: 3, "while a file was written": 2 }`. */
export type Counts = Readonly<Record<string, number>>;

/** One kind of misfortune. */
export interface Storm {
  /** A word for the command line. */
  readonly name: string;
  /** Share of the time that it gets, compared with others. */
  readonly weight: number;
  /** Why it cannot be had here; `undefined` where it can. */
  missing?(): Promise<string | undefined>;
  /**
   * One round. All that is random comes from `random`.
   *
   * @throws {Error} When a promise is broken.
   */
  round(random: Random): Promise<Counts>;
}

/** What became of one kind. */
export class Tally {
  /** Rounds so far. */
  rounds = 0;
  /** Milliseconds they took. */
  milliseconds = 0;
  /** The sum of what happened. */
  readonly counts = new Map<string, number>();
  /** Rounds in which a promise was broken: their seeds, and how. */
  readonly broken: { readonly seed: number; readonly error: unknown }[] = [];

  constructor(readonly storm: Storm) {}

  /** Makes one round and takes note of it. */
  async round(seed: number): Promise<void> {
    const start = performance.now();
    try {
      const counts = await this.storm.round(new Random(seed));
      for (const [what, n] of Object.entries(counts)) {
        this.counts.set(what, (this.counts.get(what) ?? 0) + n);
      }
    } catch (error) {
      this.broken.push({ seed, error });
    }
    this.rounds++;
    this.milliseconds += performance.now() - start;
  }
}

/** One of several. */
export function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.integer(from.length)];
}
