/**
 * Whether sharing pays, found by trying.
 *
 * On idle cores it does. Where other programs use them, a worker may be held up with a task in its
 * hands, or run on the very core the main thread needs; then one thread is faster, and no rule tells
 * beforehand. So equal work is timed both ways now and then, and mostly done the faster way. That is
 * free to change at any time, since who does a task has no influence on its result.
 *
 * @module
 */

/** What is known of one kind of work. */
export interface Experience {
  /** Times it was done. */
  calls: number;
  /** Typical milliseconds on one thread; `undefined` before the first. */
  alone: number | undefined;
  /** The same on all threads. */
  shared: number | undefined;
}

/** The first calls of a kind: shared but for these. The very first finds cold caches and does not count. */
const FIRST_CALLS = 8, FIRST_ALONE: readonly number[] = [2, 5];

/** Afterwards, of so many calls of a kind one is done alone and one is shared, whatever is faster. */
const TRIAL_EVERY = 48, ALONE_AT = 0, SHARED_AT = 24;

/**
 * Of so many calls of all kinds, so many in a row are shared: together, since the first of them finds
 * the workers asleep.
 */
const SPELL_EVERY = 256, SPELL = 8;

/**
 * How an estimate follows the times: by this power of their ratio, which counts as at most `OUTLIER`.
 * So chance disturbances hardly move it, and lasting ones do in a few steps.
 */
const WEIGHT = 1 / 4, OUTLIER = 2;

/** More kinds of work than this come from sizes that change all the time: start anew. */
const MOST_KINDS = 1000;

/** Remembers how long work took. */
export class Tuner {
  readonly #kinds = new Map<string, Experience>();
  #calls = 0;

  /** What is known of work of one size. */
  experienceOf(kernel: string, work: number): Experience {
    const key = `${kernel} ${work}`;
    let experience = this.#kinds.get(key);
    if (experience === undefined) {
      if (this.#kinds.size >= MOST_KINDS) this.#kinds.clear();
      experience = { calls: 0, alone: undefined, shared: undefined };
      this.#kinds.set(key, experience);
    }
    return experience;
  }

  /** Whether to share the next call. */
  choose(experience: Experience): boolean {
    const { calls, alone, shared } = experience;
    experience.calls++;
    const spell = this.#calls++ % SPELL_EVERY < SPELL;
    if (calls < FIRST_CALLS) return !FIRST_ALONE.includes(calls);
    if (calls % TRIAL_EVERY === ALONE_AT) return false;
    if (spell || calls % TRIAL_EVERY === SHARED_AT) return true;
    return alone === undefined || shared === undefined || shared <= alone;
  }

  /** Takes note of a time in milliseconds. */
  learn(experience: Experience, wasShared: boolean, time: number): void {
    if (experience.calls === 1) return;
    const kind = wasShared ? "shared" : "alone";
    const old = experience[kind];
    if (old === undefined) experience[kind] = time;
    else {
      const ratio = Math.min(OUTLIER, Math.max(1 / OUTLIER, time / old));
      experience[kind] = old * ratio ** WEIGHT;
    }
  }
}
