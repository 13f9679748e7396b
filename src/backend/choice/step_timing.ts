/**
 * How long a training step takes on a backend, found out in little time and remembered.
 *
 * @module
 */

import { DataError, StateError } from "../../core/errors.ts";
import type { Backend } from "../backend.ts";

/** A step of training that can be built on any backend, to be timed there. See `stepProbe`. */
export interface StepProbe {
  /** Names the work: what is timed under this name is remembered under it. */
  readonly name: string;
  /** Builds it on a backend; whoever calls disposes it. */
  build(backend: Backend): ProbedStep;
}

/** A step that is ready to be taken. Owns what it was built from. */
export interface ProbedStep extends Disposable {
  /** Takes one more, or enqueues it. A step cannot be interrupted, so it is to be small. */
  step(): void;
}

/**
 * Times of steps by backend and work, kept by the caller: over several choices, or over runs of a
 * program, as JSON. Only what was measured in full is kept.
 *
 * @example Kept in a string
 * ```ts
 * import assert from "node:assert/strict";
 * import { TimingCache } from "@tekfac/tekfac/backend";
 *
 * const cache = new TimingCache();
 * cache.set("wasm (relaxed SIMD)", "mlp, tekfac, batch 64", 3.5);
 * const later = TimingCache.parse(JSON.stringify(cache));
 * assert.equal(later.get("wasm (relaxed SIMD)", "mlp, tekfac, batch 64"), 3.5);
 * ```
 */
export class TimingCache {
  readonly #times = new Map<string, number>();

  /**
   * The times in a text of `JSON.stringify(cache)`.
   *
   * @throws {DataError} When it is none.
   */
  static parse(text: string): TimingCache {
    const cache = new TimingCache();
    for (const [key, time] of Object.entries(timesIn(text))) cache.#times.set(key, time);
    return cache;
  }

  /** Milliseconds per step, if they are known. */
  get(backend: string, work: string): number | undefined {
    return this.#times.get(keyOf(backend, work));
  }

  /**
   * Remembers milliseconds per step.
   *
   * @param backend Its `info.description`.
   * @param work Name of the step that was timed.
   * @param milliseconds Of one step.
   */
  set(backend: string, work: string, milliseconds: number): void {
    this.#times.set(keyOf(backend, work), milliseconds);
  }

  /** A plain object, for `JSON.stringify`. */
  toJSON(): Record<string, number> {
    return Object.fromEntries(this.#times);
  }
}

/** The numbers of an object in JSON, if it holds nothing else. */
function timesIn(text: string): Record<string, number> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DataError("timing cache", "it is not JSON", { cause });
  }
  const isTime = (time: unknown): boolean => typeof time === "number" && time >= 0;
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (isObject && Object.values(value!).every(isTime)) return value as Record<string, number>;
  throw new DataError(
    "timing cache",
    `expected an object of milliseconds, as JSON.stringify writes a TimingCache, received ${text}`,
  );
}

function keyOf(backend: string, work: string): string {
  return `${backend} | ${work}`;
}

/** Milliseconds that a whole choice may take, as far as single steps allow. */
const BUDGET_MS = 300;

/** Milliseconds of steps after the first, per candidate. */
const SHARE_MS = 50;

/** Most steps that are timed together. */
const MOST_STEPS = 32;

/** What a candidate's steps take. */
export interface StepTime {
  /** Milliseconds per step. */
  readonly stepMs: number;
  /** Whether it was measured, or only the first step was, what had to be compiled included. */
  readonly measured: boolean;
}

/** Times one step on several backends within one budget, which starts when it is made. */
export class StepTimer {
  readonly #probe: StepProbe;
  readonly #cache: TimingCache;
  readonly #end: number = performance.now() + BUDGET_MS;

  /** Starts the budget. */
  constructor(probe: StepProbe, cache: TimingCache = new TimingCache()) {
    this.#probe = probe;
    this.#cache = cache;
  }

  /**
   * What a step takes on a backend; nothing is run where that is remembered.
   *
   * @throws {StateError} When the step leaves matrices behind.
   */
  async time(backend: Backend): Promise<StepTime> {
    const { name } = this.#probe;
    const known = this.#cache.get(backend.info.description, name);
    if (known !== undefined) return { stepMs: known, measured: true };
    const probed = this.#probe.build(backend);
    let time: StepTime;
    try {
      time = await this.#measure(backend, probed);
    } finally {
      probed[Symbol.dispose]();
    }
    const { handles } = backend.memory();
    if (handles > 0) {
      const message = `Cannot time '${name}': it left ${handles} matrices; dispose what it builds`;
      throw new StateError(message);
    }
    if (time.measured) this.#cache.set(backend.info.description, name, time.stepMs);
    return time;
  }

  /** A first step for all that happens once, then ever more of them between two waits. */
  async #measure(backend: Backend, probed: ProbedStep): Promise<StepTime> {
    const first = await this.#timeOf(backend, probed, 1);
    if (this.#left <= 0) return { stepMs: first, measured: false };
    // A wait for a GPU takes its time even where nothing is to be done.
    const wait = await this.#timeOf(backend, probed, 0);
    const share = Math.min(SHARE_MS, this.#left / 2);
    let [steps, total] = [0, 0];
    for (let count = 1; count >= 1;) {
      total += Math.max(0, await this.#timeOf(backend, probed, count) - wait);
      steps += count;
      const rest = Math.min(share, this.#left) - total;
      count = Math.min(2 * count, Math.floor(rest * steps / total), MOST_STEPS - steps);
    }
    return { stepMs: total / steps, measured: true };
  }

  /** Milliseconds until so many steps are done. */
  async #timeOf(backend: Backend, probed: ProbedStep, steps: number): Promise<number> {
    const started = performance.now();
    for (let i = 0; i < steps; i++) probed.step();
    await backend.flush();
    return performance.now() - started;
  }

  get #left(): number {
    return this.#end - performance.now();
  }
}
