/**
 * Threads that share the work of one verb, or take eigenproblems off the main thread's hands.
 *
 * The main thread is number 0 and works as well. It splits a verb into tasks by the verb's sizes and
 * the number of threads alone; every thread, the main one included, claims the next task until none
 * is left. So nothing depends on workers: one that starts late, is busy with other tasks, or does
 * not exist leaves its share to the others, and the results are the same bit by bit. One that dies
 * with a task in its hands is noticed, and the others go on.
 *
 * @module
 */

import { BackendError } from "../../../core/errors.ts";
import { BACKGROUND, FOREGROUND, MOST_TASKS, QUEUE, WORDS } from "./control.ts";
import { Crew, type Held } from "./crew.ts";
import { Patience } from "./patience.ts";
import { Tuner } from "./tuner.ts";

/** Calls of one kernel. */
export interface Batch {
  /** Name of the kernel; one of those the pool was created for. */
  readonly kernel: string;
  /** Arguments of each call without its workspace, the same number in all; at most 256 calls. */
  readonly tasks: readonly (readonly number[])[];
  /** Address of the threads' workspaces, one behind the other. @default {0} */
  readonly workspace?: number;
  /** Bytes of the workspace of one thread. @default {0} */
  readonly workspaceBytes?: number;
  /** Whether a task gives the same when it is done again from the beginning. @default {false} */
  readonly repeatable?: boolean;
}

/** A batch that runs beside what the main thread does. */
export interface Pending {
  /** Whether all of its tasks are done, as far as workers will do them. */
  readonly ready: boolean;
  /** Helps until all of them are done. */
  finish(): void;
}

/** What a pool works with. */
export interface PoolOptions {
  /** Threads, the main one included, at least 2. */
  readonly threads: number;
  /** Operations below which a verb stays on one thread; 0 shares everything. @default {3e6} */
  readonly grain?: number;
  /** Kernels that run on the main thread. */
  readonly exports: Readonly<Record<string, unknown>>;
  /** Names of those that tasks may call. */
  readonly kernels: readonly string[];
  /** The compiled kernels, for the workers' own instances. */
  readonly module: WebAssembly.Module;
  /** The memory that all of them share. */
  readonly memory: WebAssembly.Memory;
  /** A script of the page's own that workers are started from. @default {text that comes along} */
  readonly workerUrl?: string | URL | undefined;
}

/**
 * A grain, in operations: about 75 microseconds of one thread, the least that is worth sharing.
 */
const GRAIN = 3e6;

/** Looks at a word before the main thread goes to sleep: it waits for a task under way only. */
const SPINS = 20_000;

/**
 * Grains that sleeping workers leave to the main thread before they are woken, which takes it some
 * fifteen microseconds, and them longer.
 */
const GRAINS_BEFORE_WAKING = 20;

/**
 * Grains from which on sharing is not doubted: others cannot hold up a worker as long as that takes,
 * and work as large is too rare to try anything.
 */
const GRAINS_WITHOUT_DOUBT = 100;

/** Grains after which workers are started: the time for these is the time that a start takes. */
const GRAINS_BEFORE_START = 600;

/** The threads of one backend. */
export class ThreadPool {
  /** Threads, the main one included. */
  readonly threads: number;
  /** Operations below which a verb stays on one thread. */
  readonly grain: number;
  readonly #options: PoolOptions;
  #exports: PoolOptions["exports"];
  readonly #modules: WebAssembly.Module[];
  #crew: Crew;
  /** Workers that earlier crews have lost, and the crews of those that may be alive nevertheless. */
  #lost = 0;
  #doubtful: Crew[] = [];
  /** Operations so far, and those since workers fell asleep. */
  #work = 0;
  #unshared = 0;
  readonly #tuner = new Tuner();
  #background: Pending | undefined;
  #disposed = false;

  /** Starts nothing yet; the caller disposes. */
  constructor(options: PoolOptions) {
    this.#options = options;
    this.#exports = options.exports;
    this.#modules = [options.module];
    this.threads = options.threads;
    this.grain = options.grain ?? GRAIN;
    this.#crew = this.#newCrew();
  }

  /** The threads in words, with those that are lost. */
  get description(): string {
    const lost = this.#lost + this.#crew.lost.length;
    return `${this.threads} threads${lost === 0 ? "" : `, ${lost} of them lost`}`;
  }

  /**
   * Runs a batch; returns when it is done.
   *
   * @param batch Its calls must not depend on each other.
   * @param work About how many operations it takes.
   * @throws {BackendError} When a kernel trapped on a worker, or a worker died in the middle of a task that
   * cannot be done again; the next batch finds the workers that are left.
   */
  run(batch: Batch, work: number): void {
    this.#tidy();
    this.#work += work;
    if (this.#work >= GRAINS_BEFORE_START * this.grain) this.#crew.start();
    if (!this.#isWorthWaking(work)) {
      this.#runAlone(batch);
      return;
    }
    if (work > GRAINS_WITHOUT_DOUBT * this.grain) {
      this.#share(batch);
      return;
    }
    const experience = this.#tuner.experienceOf(batch.kernel, work);
    const shared = this.#tuner.choose(experience);
    const start = performance.now();
    if (shared) this.#share(batch);
    else this.#runAlone(batch);
    this.#tuner.learn(experience, shared, performance.now() - start);
  }

  /** Starts a batch of which the workers do what they can until it is finished; `undefined` while another one runs. */
  begin(batch: Batch): Pending | undefined {
    if (this.#background !== undefined) return undefined;
    this.#tidy();
    this.#crew.start();
    this.#post(BACKGROUND, batch);
    const crew = this.#crew;
    const done = WORDS.queues[BACKGROUND] + QUEUE.done;
    // Where somebody has died, nothing is to be waited for.
    const isReady = () =>
      Atomics.load(crew.words, done) === batch.tasks.length || crew.lost.length > 0;
    let finished = false;
    return this.#background = {
      get ready(): boolean {
        return finished || isReady();
      },
      finish: () => {
        if (finished || this.#disposed) return;
        finished = true;
        this.#background = undefined;
        this.#complete(BACKGROUND, batch);
      },
    };
  }

  /**
   * Adds kernels. Workers that have been started have none of them: they leave, and others begin when there is
   * work; what runs beside is finished before.
   *
   * @param exports The functions of the module on the main thread.
   */
  extend(module: WebAssembly.Module, exports: PoolOptions["exports"]): void {
    this.#modules.push(module);
    this.#exports = { ...this.#exports, ...exports };
    if (!this.#crew.started) return;
    this.#background?.finish();
    this.#renew();
  }

  /** Ends the workers. Tasks that have not been claimed are dropped. */
  dispose(): void {
    this.#disposed = true;
    this.#crew.dismiss();
  }

  #newCrew(): Crew {
    const { memory, kernels, workerUrl: url } = this.#options;
    const size = this.threads - 1 - this.#lost;
    return new Crew({ modules: this.#modules, memory, kernels, size, url });
  }

  /** Sends the workers away; those that are left, and no others, begin anew when there is work. */
  #renew(): void {
    const { lost } = this.#crew;
    this.#crew.dismiss();
    this.#lost += lost.length;
    if (lost.length > 0) {
      this.#doubtful.push(this.#crew);
      const left = this.threads - this.#lost;
      console.warn(
        `The backend lost ${lost.length} of its worker threads and goes on with ${left} of ${this.threads} threads`,
      );
    }
    this.#crew = this.#newCrew();
  }

  /** Parts with workers that died while nobody waited for them. */
  #tidy(): void {
    if (this.#doubtful.length > 0) this.#checkDoubtful();
    if (this.#crew.lost.length === 0) return;
    this.#background?.finish();
    if (this.#crew.lost.length > 0) this.#renew();
  }

  /** Parts with workers that are dead, or that nobody can wait for any longer. */
  #partWith(lost: readonly Held[]): void {
    const crew = this.#crew;
    crew.giveUp(lost.map(({ thread }) => thread));
    this.#background?.finish();
    if (crew === this.#crew) this.#renew();
  }

  /** One that was given up and comes back has written where others have written meanwhile. */
  #checkDoubtful(): void {
    const cameBack = this.#doubtful.some((crew) => crew.cameBack);
    this.#doubtful = cameBack ? [] : this.#doubtful.filter((crew) => crew.doubtful);
    if (!cameBack) return;
    throw new BackendError(
      "wasm",
      "a worker thread that gave no sign of life has finished its task after all; numbers may be wrong: go on " +
        "from the last checkpoint",
    );
  }

  #share(batch: Batch): void {
    this.#post(FOREGROUND, batch);
    this.#complete(FOREGROUND, batch);
  }

  #runAlone(batch: Batch): void {
    for (let i = 0; i < batch.tasks.length; i++) this.#call(batch, i);
  }

  /** Whether there are workers, and they are awake or there has been enough for them to do. */
  #isWorthWaking(work: number): boolean {
    const { count, words } = this.#crew;
    if (count === 0) return false;
    const asleep = Atomics.load(words, WORDS.sleepers);
    this.#unshared = asleep < count ? 0 : this.#unshared + work;
    if (asleep === count && this.#unshared < GRAINS_BEFORE_WAKING * this.grain) return false;
    this.#unshared = 0;
    return true;
  }

  #post(queue: number, { kernel, tasks, workspace = 0, workspaceBytes = 0 }: Batch): void {
    if (tasks.length > MOST_TASKS) throw new RangeError(`${tasks.length} tasks in a batch`);
    const { words } = this.#crew;
    const numbers = this.#crew.numbers[queue];
    const arity = tasks[0]?.length ?? 0;
    const base = WORDS.queues[queue];
    numbers[0] = workspace;
    numbers[1] = workspaceBytes;
    tasks.forEach((task, i) => numbers.set(task, 2 + i * arity));
    words[base + QUEUE.kernel] = this.#options.kernels.indexOf(kernel);
    words[base + QUEUE.arity] = arity;
    Atomics.store(words, base + QUEUE.failed, 0);
    Atomics.store(words, base + QUEUE.done, 0);
    Atomics.store(words, base + QUEUE.claim, tasks.length << 16);
    Atomics.add(words, WORDS.epoch, 1);
    if (Atomics.load(words, WORDS.sleepers) > 0) {
      Atomics.notify(words, WORDS.epoch, queue === FOREGROUND ? tasks.length - 1 : tasks.length);
    }
  }

  /** Does what is left of a posted batch and waits for what others have claimed. */
  #complete(queue: number, batch: Batch): void {
    const crew = this.#crew;
    const began = performance.now();
    let lost: readonly Held[] = [];
    try {
      for (let i = this.#claim(queue); i >= 0; i = this.#claim(queue)) {
        // Counted even if it throws: nobody may wait for it, and the caller hears of it.
        Atomics.add(crew.words, WORDS.queues[queue] + QUEUE.done, 1);
        this.#call(batch, i);
      }
    } finally {
      // After a throw, tasks nobody has claimed are dropped.
      const count = batch.tasks.length - this.#claimRest(queue);
      lost = this.#await(queue, count, performance.now() - began);
      if (lost.length > 0) this.#partWith(lost);
    }
    if (lost.length > 0 && !batch.repeatable) {
      const reason =
        `a worker thread died in the middle of kernel '${batch.kernel}'; the others go on`;
      throw new BackendError("wasm", reason);
    }
    for (const { task } of lost) this.#call(batch, task);
    if (Atomics.load(crew.words, WORDS.queues[queue] + QUEUE.failed) === 1) {
      throw new BackendError("wasm", `kernel '${batch.kernel}' trapped on a worker`);
    }
  }

  /** The number of a task that is this thread's now, or -1. */
  #claim(queue: number): number {
    const place = WORDS.queues[queue] + QUEUE.claim;
    const { words } = this.#crew;
    for (;;) {
      const claim = Atomics.load(words, place);
      const next = claim & 0xffff;
      if (next >= claim >>> 16) return -1;
      if (Atomics.compareExchange(words, place, claim, claim + 1) === claim) return next;
    }
  }

  /** Claims all tasks that are left, and tells how many. */
  #claimRest(queue: number): number {
    let count = 0;
    while (this.#claim(queue) >= 0) count++;
    return count;
  }

  #call({ kernel, tasks, workspace = 0 }: Batch, i: number): void {
    (this.#exports[kernel] as (...args: number[]) => void)(...tasks[i], workspace);
  }

  /**
   * Returns when `count` tasks are done, or will never be: then what the lost workers hold.
   *
   * @param busy Milliseconds that this thread took for its own tasks.
   */
  #await(queue: number, count: number, busy: number): readonly Held[] {
    const crew = this.#crew;
    const { words, canSleep } = crew;
    const done = WORDS.queues[queue] + QUEUE.done;
    const waiting = WORDS.queues[queue] + QUEUE.waiting;
    const patience = new Patience(busy);
    for (let spins = SPINS;;) {
      const now = Atomics.load(words, done);
      if (now >= count) return [];
      if (spins-- > 0) continue;
      const left = patience.leftAt(now);
      const held = crew.heldOf(queue);
      const { lost } = crew;
      if (left === 0 || held.length > 0 && held.every(({ thread }) => lost.includes(thread))) {
        // What was finished in this moment is not lost.
        if (Atomics.load(words, done) >= count) return [];
        return held;
      }
      if (!canSleep) spins = SPINS;
      else {
        Atomics.store(words, waiting, 1);
        Atomics.wait(words, done, now, left);
        Atomics.store(words, waiting, 0);
      }
    }
  }
}
