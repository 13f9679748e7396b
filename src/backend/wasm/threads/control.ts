/**
 * What threads tell each other: a block of shared words, apart from the kernels' memory.
 *
 * A queue describes one batch of tasks: calls of one kernel that differ in their arguments. Its word
 * `claim` holds `count << 16 | next`. Whoever raises it by one, by compare and exchange, has claimed
 * task `next`; the descriptions stay as they are until `done` has reached `count`, so a claim is
 * valid however late the claimant comes. Who does a task has no influence on what it computes.
 *
 * A worker says what it is about to claim before it does, in words of its own. So the task of one that
 * dies is known, whatever it dies of.
 *
 * @module
 */

/** Places of words (int32) in the block; those that different threads write lie in lines of their own. */
export const WORDS = {
  /** Raised whenever there is something new: more tasks, or the end. Idle workers wait for it. */
  epoch: 0,
  /** 1 when workers are to leave. */
  quit: 1,
  /** Workers that wait, or are about to. */
  sleepers: 16,
  /** Workers that listen. */
  alive: 17,
  /** Where the queues begin: the batch of the verb that is running, then what runs beside it. */
  queues: [32, 80],
  /** Where what each thread says of itself begins, and how many words apart. */
  threads: 128,
  perThread: 16,
  /** Number of words. */
  length: 128 + 33 * 16,
} as const;

/** Places of words in what a thread says of itself. */
export const THREAD = {
  /** 0, or `1 + (queue << 16 | task)` from before the claim until the task is counted as done. */
  holds: 0,
  /** One of {@linkcode LIFE}. */
  life: 1,
} as const;

/** What a worker is. */
export const LIFE = {
  /** Not there yet. */
  none: 0,
  /** It listens. */
  listening: 1,
  /** It has left: because it was told to, or because it died and could say so. */
  left: 2,
} as const;

/** Places of words in a queue. */
export const QUEUE = {
  /** See the module. */
  claim: 0,
  /** Which kernel is called, by its number in the list that workers got at their start. */
  kernel: 1,
  /** Arguments per task, without the workspace. */
  arity: 2,
  /** Tasks that are finished. */
  done: 16,
  /** 1 when one of them did not return. */
  failed: 17,
  /** 1 when the main thread sleeps until `done` changes. */
  waiting: 32,
} as const;

/** The queue of the verb that is running, and of what runs beside it. */
export const FOREGROUND = 0, BACKGROUND = 1;

/** Most tasks in a batch. */
export const MOST_TASKS = 256;

/** Most arguments of a task. */
const MOST_ARGUMENTS = 24;

/**
 * Numbers (float64) of a queue: address of the workspaces, bytes of each thread's, then the arguments
 * of the tasks. Behind its own arguments a kernel gets its thread's workspace.
 */
export const NUMBERS_PER_QUEUE = 2 + MOST_TASKS * MOST_ARGUMENTS;

/** Bytes of the block. */
export const CONTROL_BYTES: number = WORDS.length * Int32Array.BYTES_PER_ELEMENT +
  WORDS.queues.length * NUMBERS_PER_QUEUE * Float64Array.BYTES_PER_ELEMENT;

/** The numbers of a queue. */
export function numbersOf(control: SharedArrayBuffer, queue: number): Float64Array {
  const start = WORDS.length * Int32Array.BYTES_PER_ELEMENT;
  const bytes = queue * NUMBERS_PER_QUEUE * Float64Array.BYTES_PER_ELEMENT;
  return new Float64Array(control, start + bytes, NUMBERS_PER_QUEUE);
}
