/**
 * Ranks that are threads of one process: workers of a page or of a server that share memory.
 *
 * @module
 */

import { GroupError, OptionError } from "../core/errors.ts";
import { checkKnownKeys, checkNumber } from "../core/options.ts";
import { Collective, type Moves } from "./collective.ts";
import { type Group, type GroupOptions, PATIENCE } from "./group.ts";
import { addTo, bytesOf, likewise, type Sendable, type Summable } from "./numbers.ts";

/** Where threads meet: plain data, to be posted to each of them. Made by {@linkcode threadRoom}. */
export interface ThreadRoom {
  /** Number of ranks. */
  readonly size: number;
  /** Bytes that a rank can put down at a time. */
  readonly window: number;
  /** Shared memory: two windows a rank. */
  readonly memory: SharedArrayBuffer;
}

/** Numbers of control per rank: meetings it has come to, whether it has gone, lengths of what it has put down. */
const CONTROL = 4;

/** Bytes of a window: little enough to stay in a cache. */
const WINDOW = 1 << 18;

/** Milliseconds until a sleeping rank looks whether another one has gone; whoever goes wakes it anyway. */
const SLICE = 500;

/**
 * Memory where `size` threads of one process can meet. In pages it takes cross-origin isolation.
 *
 * @param size Number of ranks, an integer from 1 to 1024.
 * @param options `window`: bytes that a rank can put down at a time, a multiple of 8, one for each rank at least.
 * @throws {OptionError} When a number is out of range, or the host has no shared memory.
 */
export function threadRoom(size: number, options: { readonly window?: number } = {}): ThreadRoom {
  const subject = "Cannot make a room for threads";
  checkKnownKeys(subject, options, ["window"]);
  checkNumber(subject, "size", size, { min: 1, max: 1024, integer: true });
  const { window = WINDOW } = options;
  checkNumber(subject, "window / 8", window / 8, {
    ...{ min: Math.ceil(size / 8), max: 1 << 24, integer: true },
  });
  if (typeof SharedArrayBuffer !== "function") {
    const expectation = "needs a host with shared memory (a page: with cross-origin isolation)";
    throw new OptionError(subject, "size", expectation, size);
  }
  const bytes = 4 * CONTROL * size + (4 * CONTROL * size) % 8 + 2 * size * window;
  return { size, window, memory: new SharedArrayBuffer(bytes) };
}

/**
 * A rank's side of a room, in the thread that is that rank. Sums are made in float64, in the order of the ranks, each
 * thread a part of them.
 *
 * @param rank From 0; each only once.
 * @throws {OptionError} When a number is out of range.
 *
 * @example Two ranks, here of one thread, which then must not block
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const room = threadRoom(2);
 * const groups = [threadGroup(room, 0), threadGroup(room, 1)];
 * const sums = groups.map(async (group) => {
 *   const numbers = new Float32Array([group.rank, 1]);
 *   await group.allReduceAsync(numbers);
 *   return [...numbers];
 * });
 * assert.deepEqual(await Promise.all(sums), [[1, 2], [1, 2]]);
 * ```
 */
export function threadGroup(room: ThreadRoom, rank: number, options: GroupOptions = {}): Group {
  const subject = "Cannot join a room of threads";
  checkKnownKeys(subject, options, ["patience"]);
  checkNumber(subject, "rank", rank, { min: 0, max: room.size - 1, integer: true });
  const { patience = PATIENCE } = options;
  checkNumber(subject, "patience", patience, { above: 0 });
  return new ThreadGroup(room, rank, patience);
}

/**
 * Tells all others that a rank is gone. For the thread that has started it, when it hears of its end: a thread that
 * fails cannot say so itself.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const room = threadRoom(2);
 * const waiting = threadGroup(room, 0).barrierAsync();
 * leaveRoom(room, 1); // as in worker.onerror
 * await assert.rejects(waiting, { name: "GroupError", rank: 1 });
 * ```
 */
export function leaveRoom(room: ThreadRoom, rank: number): void {
  const control = controlOf(room);
  Atomics.store(control, room.size + rank, 1);
  Atomics.notify(control, rank);
}

/** Control numbers of all ranks: meetings come to, whether gone, and lengths by window. */
function controlOf({ memory, size }: ThreadRoom): Int32Array {
  return new Int32Array(memory, 0, CONTROL * size);
}

/** Until a rank has come to so many meetings. */
interface Arrival {
  readonly from: number;
  readonly meeting: number;
}

class ThreadGroup extends Collective<Arrival, void> {
  readonly name = "threads";
  readonly canBlock: boolean;
  readonly #room: ThreadRoom;
  readonly #control: Int32Array;
  readonly #patience: number;
  /** Windows take turns, so that nobody writes where another may still read. */
  #turn: 0 | 1 = 0;

  constructor(room: ThreadRoom, rank: number, patience: number) {
    super(rank, room.size);
    this.#room = room;
    this.#control = controlOf(room);
    this.#patience = patience;
    this.canBlock = mayBlock();
  }

  protected *sum(numbers: Summable): Moves<Arrival, void, void> {
    if (this.size === 1) return;
    const { BYTES_PER_ELEMENT: bytes, length } = numbers;
    const most = this.#room.window / bytes;
    for (let at = 0; at < length; at += most) {
      const part = numbers.subarray(at, at + most);
      const windows = this.#windows().map((window) => typed(numbers, window, part.length));
      windows[this.rank].set(part);
      yield* this.#meet();
      const bounds = (rank: number) =>
        [rank, rank + 1].map((r) => Math.floor(r * part.length / this.size));
      const [from, to] = bounds(this.rank);
      const total = new Float64Array(to - from);
      for (const window of windows) addTo(total, window.subarray(from, to));
      windows[this.rank].set(total, from);
      yield* this.#meet();
      windows.forEach((window, rank) =>
        part.set(window.subarray(...bounds(rank)), bounds(rank)[0])
      );
    }
  }

  protected *spread(numbers: Sendable, root: number): Moves<Arrival, void, void> {
    const bytes = bytesOf(numbers);
    const { window } = this.#room;
    for (let at = 0; at < bytes.length; at += window) {
      const part = bytes.subarray(at, at + window);
      const shared = this.#windows()[root].subarray(0, part.length);
      if (this.rank === root) shared.set(part);
      yield* this.#meet();
      if (this.rank !== root) part.set(shared);
    }
  }

  protected *gather<T extends Sendable>(part: T): Moves<Arrival, void, T[]> {
    const bytes = bytesOf(part);
    const { window } = this.#room;
    let out: Uint8Array[] = [];
    for (let at = 0, longest = 1; at < longest; at += window) {
      const turn = this.#turn;
      const windows = this.#windows();
      windows[this.rank].set(bytes.subarray(at, at + window));
      const lengths = this.#control.subarray((2 + turn) * this.size);
      lengths[this.rank] = bytes.length;
      yield* this.#meet();
      if (at === 0) {
        out = windows.map((_, rank) => new Uint8Array(lengths[rank]));
        longest = Math.max(...out.map(({ length }) => length));
      }
      out.forEach((whole, rank) => {
        const place = whole.subarray(at, at + window);
        place.set(windows[rank].subarray(0, place.length));
      });
    }
    return out.map((whole) => likewise(part, whole));
  }

  /** A window has a slot for each receiver. */
  protected *swap(
    sent: readonly Sendable[],
    received: readonly Sendable[],
  ): Moves<Arrival, void, void> {
    if (this.size === 1) return;
    const slot = Math.floor(this.#room.window / this.size);
    const parts = sent.map(bytesOf);
    const places = received.map(bytesOf);
    for (let at = 0, longest = 1; at < longest; at += slot) {
      const lengths = this.#control.subarray((2 + this.#turn) * this.size);
      const windows = this.#windows();
      parts.forEach((part, rank) => {
        if (rank !== this.rank) windows[this.rank].set(part.subarray(at, at + slot), rank * slot);
      });
      lengths[this.rank] = Math.max(...parts.map(({ length }) => length));
      yield* this.#meet();
      if (at === 0) longest = Math.max(...lengths.subarray(0, this.size));
      places.forEach((place, rank) => {
        if (rank === this.rank) return;
        const next = place.subarray(at, at + slot);
        next.set(windows[rank].subarray(this.rank * slot, this.rank * slot + next.length));
      });
    }
  }

  /** Comes to the next meeting and waits for all others. */
  *#meet(): Moves<Arrival, void, void> {
    const meeting = Atomics.add(this.#control, this.rank, 1) + 1 | 0;
    Atomics.notify(this.#control, this.rank);
    for (let from = 0; from < this.size; from++) {
      if (from !== this.rank) yield { from, meeting };
    }
  }

  protected block(arrival: Arrival): void {
    const deadline = performance.now() + this.#patience;
    for (let count = this.#missing(arrival); count !== undefined; count = this.#missing(arrival)) {
      Atomics.wait(this.#control, arrival.from, count, this.#slice(arrival, deadline));
    }
  }

  protected override look(arrival: Arrival): { readonly came: void } | undefined {
    return this.#missing(arrival) === undefined ? { came: undefined } : undefined;
  }

  protected async later(arrival: Arrival): Promise<void> {
    const deadline = performance.now() + this.#patience;
    for (let count = this.#missing(arrival); count !== undefined; count = this.#missing(arrival)) {
      const slice = this.#slice(arrival, deadline);
      const woken = Atomics.waitAsync(this.#control, arrival.from, count, slice).value;
      // Some hosts do not count a sleeper among what keeps a program going.
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([woken, new Promise((resolve) => timer = setTimeout(resolve, slice))]);
      clearTimeout(timer);
    }
  }

  protected leave(): void {
    leaveRoom(this.#room, this.rank);
  }

  /** Meetings that a rank has come to, where that are not enough yet. */
  #missing({ from, meeting }: Arrival): number | undefined {
    const count = Atomics.load(this.#control, from);
    // The counts may go round.
    if ((count - meeting | 0) >= 0) return undefined;
    if (Atomics.load(this.#control, this.size + from) === 0) return count;
    throw new GroupError(
      `Cannot go on: rank ${from} of ${this.size} is gone; end, and go on from a checkpoint`,
      { rank: from },
    );
  }

  #slice({ from }: Arrival, deadline: number): number {
    const left = deadline - performance.now();
    if (left > 0) return Math.min(left, SLICE);
    throw new GroupError(
      `Cannot go on: rank ${from} of ${this.size} has not come for ${
        this.#patience / 1000
      } s; see what it does, ` +
        "or give the group more patience",
      { rank: from },
    );
  }

  /** What each rank puts down next. */
  #windows(): Uint8Array[] {
    const { memory, window, size } = this.#room;
    const first = memory.byteLength - (2 - this.#turn) * size * window;
    this.#turn = this.#turn === 0 ? 1 : 0;
    return Array.from(
      { length: size },
      (_, rank) => new Uint8Array(memory, first + rank * window, window),
    );
  }
}

/** Numbers of the same kind, in memory of bytes. */
function typed(like: Summable, { buffer, byteOffset }: Uint8Array, length: number): Summable {
  return like instanceof Float32Array
    ? new Float32Array(buffer, byteOffset, length)
    : new Float64Array(buffer, byteOffset, length);
}

/** Whether this thread may sleep: that of a page may not. */
function mayBlock(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}
