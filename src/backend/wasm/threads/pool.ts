/**
 * Threads that share the work of one verb, or take eigenproblems off the main thread's hands.
 *
 * The main thread is number 0 and works as well. It splits a verb into tasks by the verb's sizes and
 * the number of threads alone; every thread, the main one included, claims the next task until none
 * is left. So nothing depends on workers: one that starts late, is busy with other tasks, or does
 * not exist leaves its share to the others, and the results are the same bit by bit.
 *
 * @module
 */

import { BackendError } from "../../../core/errors.ts";
import { CONTROL_BYTES, MOST_TASKS, numbersOf, QUEUE, WORDS } from "./control.ts";
import { spawn, type SpawnedWorker } from "./spawn.ts";
import { Tuner } from "./tuner.ts";
import type { WorkerInput } from "./worker.ts";

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
}

/** A batch that runs beside what the main thread does. */
export interface Pending {
  /** Whether all of its tasks are done. */
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
}

/**
 * A grain, in operations: about 75 microseconds of one thread, the least that is worth sharing.
 */
const GRAIN = 3e6;

/** The queue of the verb that is running, and of what runs beside it. */
const FOREGROUND = 0, BACKGROUND = 1;

/**
 * Looks at a word before a thread goes to sleep, a few nanoseconds each. Workers look for about 0.3 ms,
 * in which the next verb of a step mostly comes; the main thread waits for a task under way only.
 */
const WORKER_SPINS = 100_000, MAIN_SPINS = 20_000;

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

/** Milliseconds that workers are given to leave; only a long background task takes any. */
const LEAVING_TIME = 2000;

/** The threads of one backend. */
export class ThreadPool {
  /** Threads, the main one included. */
  readonly threads: number;
  /** Operations below which a verb stays on one thread. */
  readonly grain: number;
  readonly #options: PoolOptions;
  #exports: PoolOptions["exports"];
  readonly #modules: WebAssembly.Module[];
  #control = new SharedArrayBuffer(CONTROL_BYTES);
  #words = wordsOf(this.#control);
  #numbers = queuesOf(this.#control);
  readonly #canSleep: boolean;
  #workers: SpawnedWorker[] | undefined;
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
    this.#canSleep = canSleep(this.#words);
  }

  /**
   * Runs a batch; returns when it is done.
   *
   * @param batch Its calls must not depend on each other.
   * @param work About how many operations it takes.
   * @throws {BackendError} When a kernel trapped on a worker.
   */
  run(batch: Batch, work: number): void {
    this.#work += work;
    if (this.#work >= GRAINS_BEFORE_START * this.grain) this.#start();
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
    this.#start();
    this.#post(BACKGROUND, batch);
    const done = WORDS.queues[BACKGROUND] + QUEUE.done;
    const isReady = () => Atomics.load(this.#words, done) === batch.tasks.length;
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
    if (this.#workers === undefined) return;
    this.#background?.finish();
    this.#dismiss();
    this.#control = new SharedArrayBuffer(CONTROL_BYTES);
    this.#words = wordsOf(this.#control);
    this.#numbers = queuesOf(this.#control);
    this.#workers = undefined;
  }

  /** Ends the workers. Tasks that have not been claimed are dropped. */
  dispose(): void {
    this.#disposed = true;
    this.#dismiss();
  }

  #dismiss(): void {
    const words = this.#words;
    Atomics.store(words, WORDS.quit, 1);
    Atomics.add(words, WORDS.epoch, 1);
    Atomics.notify(words, WORDS.epoch);
    const end = performance.now() + LEAVING_TIME;
    while (this.#canSleep && this.#workers?.length) {
      const alive = Atomics.load(words, WORDS.alive);
      const left = end - performance.now();
      if (alive === 0 || left <= 0) break;
      Atomics.wait(words, WORDS.alive, alive, left);
    }
    for (const worker of this.#workers ?? []) worker.terminate();
    this.#workers = [];
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
    const count = this.#workers?.length ?? 0;
    if (count === 0) return false;
    const asleep = Atomics.load(this.#words, WORDS.sleepers);
    this.#unshared = asleep < count ? 0 : this.#unshared + work;
    if (asleep === count && this.#unshared < GRAINS_BEFORE_WAKING * this.grain) return false;
    this.#unshared = 0;
    return true;
  }

  /** Starts the workers, once; a host that refuses leaves everything to the main thread. */
  #start(): void {
    if (this.#workers !== undefined) return;
    this.#workers = [];
    const { memory, kernels } = this.#options;
    const common = {
      modules: this.#modules,
      memory,
      kernels,
      control: this.#control,
      numbers: this.#numbers,
    };
    try {
      for (let thread = 1; thread < this.threads; thread++) {
        const input: WorkerInput = {
          ...common,
          thread,
          spins: WORKER_SPINS,
          words: WORDS,
          queue: QUEUE,
        };
        this.#workers.push(spawn(input));
      }
    } catch {
      // Fewer threads do the same work.
    }
  }

  #post(queue: number, { kernel, tasks, workspace = 0, workspaceBytes = 0 }: Batch): void {
    if (tasks.length > MOST_TASKS) throw new RangeError(`${tasks.length} tasks in a batch`);
    const words = this.#words;
    const numbers = this.#numbers[queue];
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
    try {
      for (let i = this.#claim(queue); i >= 0; i = this.#claim(queue)) {
        // Counted even if it throws: nobody may wait for it, and the caller hears of it.
        Atomics.add(this.#words, WORDS.queues[queue] + QUEUE.done, 1);
        this.#call(batch, i);
      }
    } finally {
      // After a throw, tasks nobody has claimed are dropped.
      const dropped = this.#claimRest(queue);
      this.#await(queue, batch.tasks.length - dropped);
    }
    if (Atomics.load(this.#words, WORDS.queues[queue] + QUEUE.failed) === 1) {
      throw new BackendError("wasm", `kernel '${batch.kernel}' trapped on a worker`);
    }
  }

  /** The number of a task that is this thread's now, or -1. */
  #claim(queue: number): number {
    const place = WORDS.queues[queue] + QUEUE.claim;
    for (;;) {
      const claim = Atomics.load(this.#words, place);
      const next = claim & 0xffff;
      if (next >= claim >>> 16) return -1;
      if (Atomics.compareExchange(this.#words, place, claim, claim + 1) === claim) return next;
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

  /** Returns when `count` tasks are done. */
  #await(queue: number, count: number): void {
    const words = this.#words;
    const done = WORDS.queues[queue] + QUEUE.done;
    const waiting = WORDS.queues[queue] + QUEUE.waiting;
    let spins = MAIN_SPINS;
    for (;;) {
      const now = Atomics.load(words, done);
      if (now >= count) break;
      if (spins-- > 0 || !this.#canSleep) continue;
      Atomics.store(words, waiting, 1);
      Atomics.wait(words, done, now);
      Atomics.store(words, waiting, 0);
    }
  }
}

function wordsOf(control: SharedArrayBuffer): Int32Array<SharedArrayBuffer> {
  return new Int32Array(control, 0, WORDS.length);
}

function queuesOf(control: SharedArrayBuffer): Float64Array[] {
  return [FOREGROUND, BACKGROUND].map((queue) => numbersOf(control, queue));
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
