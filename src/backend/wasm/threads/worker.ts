/**
 * What a worker does all its life.
 *
 * @module
 */

import type { LIFE, QUEUE, THREAD, WORDS } from "./control.ts";

/** What a worker is given at its start. */
export interface WorkerInput {
  /** The kernels, compiled for a shared memory; no two of these modules have one of the same name. */
  readonly modules: readonly WebAssembly.Module[];
  /** That memory. */
  readonly memory: WebAssembly.Memory;
  /** The block described in `control.ts`. */
  readonly control: SharedArrayBuffer;
  /** Number of the thread, from 1; the main thread is 0. */
  readonly thread: number;
  /** Names of the kernels that tasks call. */
  readonly kernels: readonly string[];
  /** How often to look for work before going to sleep. */
  readonly spins: number;
  /** {@linkcode WORDS}. */
  readonly words: typeof WORDS;
  /** {@linkcode QUEUE}. */
  readonly queue: typeof QUEUE;
  /** {@linkcode THREAD}. */
  readonly own: typeof THREAD;
  /** {@linkcode LIFE}. */
  readonly life: typeof LIFE;
  /** The numbers of each queue. */
  readonly numbers: readonly Float64Array[];
}

/**
 * Takes tasks, those of the running verb first, until it is told to leave. Where it dies of an error, it
 * says so and wakes whoever waits for its task.
 *
 * Workers are started from the text of this function, so that nothing has to be found by an address
 * and packers need not know of it: it uses globals and its argument, nothing else, and defines no
 * function of its own, since tools that rewrite code like to add calls of their helpers there.
 */
export function work(input: WorkerInput): void {
  const { words: at, queue: of, own, life, numbers, spins, thread } = input;
  const words = new Int32Array(input.control, 0, at.length);
  const me = at.threads + thread * at.perThread;
  const exports: Record<string, unknown> = {};
  try {
    for (const module of input.modules) {
      const instance = new WebAssembly.Instance(module, { env: { memory: input.memory } });
      Object.assign(exports, instance.exports);
    }
    Atomics.store(words, me + own.life, life.listening);
    Atomics.add(words, at.alive, 1);
    Atomics.notify(words, at.alive);
    while (Atomics.load(words, at.quit) === 0) {
      const epoch = Atomics.load(words, at.epoch);
      let claimed = false;
      for (let q = 0; q < at.queues.length && !claimed; q++) {
        const queue = at.queues[q];
        const claim = Atomics.load(words, queue + of.claim);
        const next = claim & 0xffff;
        if (next >= claim >>> 16) continue;
        claimed = true;
        Atomics.store(words, me + own.holds, 1 + (q << 16 | next));
        if (Atomics.compareExchange(words, queue + of.claim, claim, claim + 1) === claim) {
          const arity = words[queue + of.arity];
          const call = Array.from(numbers[q].subarray(2 + next * arity, 2 + (next + 1) * arity));
          call.push(numbers[q][0] + thread * numbers[q][1]);
          const kernel = exports[input.kernels[words[queue + of.kernel]]];
          try {
            (kernel as (...args: number[]) => void)(...call);
          } catch {
            Atomics.store(words, queue + of.failed, 1);
          }
          Atomics.add(words, queue + of.done, 1);
        }
        Atomics.store(words, me + own.holds, 0);
        if (Atomics.load(words, queue + of.waiting) === 1) Atomics.notify(words, queue + of.done);
      }
      if (claimed) continue;
      let left = spins;
      while (left > 0 && Atomics.load(words, at.epoch) === epoch) left--;
      if (left > 0) continue;
      Atomics.add(words, at.sleepers, 1);
      Atomics.wait(words, at.epoch, epoch);
      Atomics.sub(words, at.sleepers, 1);
    }
  } finally {
    if (Atomics.exchange(words, me + own.life, life.left) === life.listening) {
      Atomics.sub(words, at.alive, 1);
    }
    Atomics.notify(words, at.alive);
    for (const queue of at.queues) Atomics.notify(words, queue + of.done);
  }
}
