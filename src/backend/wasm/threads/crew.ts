/**
 * The workers of a pool, and the block of words that they share with the main thread.
 *
 * @module
 */

import { CONTROL_BYTES, LIFE, numbersOf, QUEUE, THREAD, WORDS } from "./control.ts";
import { spawn, type SpawnedWorker } from "./spawn.ts";
import type { WorkerInput } from "./worker.ts";

/** What workers are given. */
export interface CrewOptions extends Pick<WorkerInput, "modules" | "memory" | "kernels"> {
  /** How many there are at most. */
  readonly size: number;
  /** A script of the page's own to start them from. */
  readonly url?: string | URL | undefined;
}

/** A task that is held by a worker. */
export interface Held {
  /** The worker. */
  readonly thread: number;
  /** Number of the task in its batch. */
  readonly task: number;
}

/**
 * Looks at a word before a worker goes to sleep, a few nanoseconds each: about 0.3 ms, in which the next
 * verb of a step mostly comes.
 */
const SPINS = 100_000;

/** Milliseconds that workers are given to leave; only a long background task takes any. */
const LEAVING_TIME = 1000;

/** Milliseconds in which a host stops a worker that it is told to end. */
const GRACE = 50;

/** Workers that start, and leave, together. */
export class Crew {
  /** The block. */
  readonly words: Int32Array<SharedArrayBuffer>;
  /** The numbers of each queue. */
  readonly numbers: readonly Float64Array[];
  /** Whether the main thread may sleep: a page's may not. */
  readonly canSleep: boolean;
  readonly #control = new SharedArrayBuffer(CONTROL_BYTES);
  readonly #options: CrewOptions;
  #workers: SpawnedWorker[] | undefined;
  /** Threads of which the host has said that they have ended, or will not begin. */
  readonly #ended = new Set<number>();
  readonly #givenUp = new Set<number>();

  /** Starts nothing yet. */
  constructor(options: CrewOptions) {
    this.#options = options;
    this.words = new Int32Array(this.#control, 0, WORDS.length);
    this.numbers = WORDS.queues.map((_, queue) => numbersOf(this.#control, queue));
    this.canSleep = canSleep(this.words);
  }

  /** Workers that have been started. */
  get count(): number {
    return this.#workers?.length ?? 0;
  }

  /** Whether {@linkcode Crew.start} has been called. */
  get started(): boolean {
    return this.#workers !== undefined;
  }

  /** Starts the workers, once; a host that refuses leaves everything to the main thread. */
  start(): void {
    if (this.#workers !== undefined) return;
    this.#workers = [];
    const { size, url, ...common } = this.#options;
    try {
      for (let thread = 1; thread <= size; thread++) {
        const input: WorkerInput = {
          ...common,
          ...{ control: this.#control, numbers: this.numbers, thread, spins: SPINS },
          ...{ words: WORDS, queue: QUEUE, own: THREAD, life: LIFE },
        };
        this.#workers.push(spawn(input, { url, onEnd: () => this.#ended.add(thread) }));
      }
    } catch {
      // Fewer threads do the same work.
      for (let thread = 1 + this.count; thread <= size; thread++) this.#ended.add(thread);
    }
  }

  /** Workers that have ended by themselves, or were given up. */
  get lost(): readonly number[] {
    return this.#threads.filter((thread) =>
      this.#ended.has(thread) || this.#givenUp.has(thread) || this.#lifeOf(thread) === LIFE.left
    );
  }

  /** Tasks of a queue that workers hold. */
  heldOf(queue: number): readonly Held[] {
    return this.#threads.flatMap((thread) => {
      const holds = Atomics.load(this.words, placeOf(thread) + THREAD.holds) - 1;
      return holds >= 0 && holds >>> 16 === queue ? [{ thread, task: holds & 0xffff }] : [];
    });
  }

  /** Ends workers that may or may not be alive. */
  giveUp(threads: readonly number[]): void {
    const doubtful = threads.filter((thread) => !this.lost.includes(thread));
    for (const thread of doubtful) {
      this.#givenUp.add(thread);
      this.#workers?.[thread - 1].terminate();
    }
    // The host needs a moment to stop them.
    if (doubtful.length > 0 && this.canSleep) Atomics.wait(this.words, WORDS.quit, 0, GRACE);
  }

  /** Whether one that was given up may be alive, for all that the host says. */
  get doubtful(): boolean {
    return [...this.#givenUp].some((thread) => !this.#ended.has(thread));
  }

  /** Whether one that was given up has put down its task after all. */
  get cameBack(): boolean {
    return [...this.#givenUp].some((thread) =>
      Atomics.load(this.words, placeOf(thread) + THREAD.holds) === 0
    );
  }

  /** Sends all of them away and waits until those that are not lost have left. */
  dismiss(): void {
    const { words } = this;
    Atomics.store(words, WORDS.quit, 1);
    Atomics.add(words, WORDS.epoch, 1);
    Atomics.notify(words, WORDS.epoch);
    const end = performance.now() + LEAVING_TIME;
    while (this.canSleep) {
      const alive = Atomics.load(words, WORDS.alive);
      const left = end - performance.now();
      const stay = this.#threads.filter((thread) =>
        this.#lifeOf(thread) === LIFE.listening && !this.#ended.has(thread) &&
        !this.#givenUp.has(thread)
      );
      if (left <= 0 || stay.length === 0) break;
      Atomics.wait(words, WORDS.alive, alive, left);
    }
    for (const worker of this.#workers ?? []) worker.terminate();
  }

  get #threads(): readonly number[] {
    return Array.from({ length: this.started ? this.#options.size : 0 }, (_, i) => 1 + i);
  }

  #lifeOf(thread: number): number {
    return Atomics.load(this.words, placeOf(thread) + THREAD.life);
  }
}

function placeOf(thread: number): number {
  return WORDS.threads + thread * WORDS.perThread;
}

/** Whether this thread may sleep: a page's main thread may not. */
function canSleep(words: Int32Array): boolean {
  try {
    // The word is 0, so this returns at once.
    Atomics.wait(words, WORDS.quit, 1, 0);
    return true;
  } catch {
    return false;
  }
}
