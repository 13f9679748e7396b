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

/** Every so many calls, one thread does a kind of work, the third call being the first such. */
const ALONE_EVERY = 64, FIRST_ALONE = 2;

/**
 * Every so many calls of any kind, so many in a row are shared: together, for the first of them finds
 * the workers asleep.
 */
const SHARED_EVERY = 256, SHARED_IN_A_ROW = 8;

/** By how much a time changes an estimate: steps up and down make it the median. */
const STEP = 1.08;

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
    if (calls % ALONE_EVERY === FIRST_ALONE) return false;
    if (this.#calls++ % SHARED_EVERY < SHARED_IN_A_ROW) return true;
    return alone === undefined || shared === undefined || shared <= alone;
  }

  /** Takes note of a time in milliseconds. */
  learn(experience: Experience, wasShared: boolean, time: number): void {
    const kind = wasShared ? "shared" : "alone";
    const old = experience[kind];
    if (old === undefined) experience[kind] = time;
    else experience[kind] = time > old ? Math.min(time, old * STEP) : Math.max(time, old / STEP);
  }
}
