/**
 * What the kernels of a step take, and what is between them.
 *
 * @module
 */

import { cpuUsage } from "node:process";
import type { Backend } from "@tekfac/tekfac/backend";

/** A call, and how long it took. */
interface Call {
  /** Its name and the shapes of its matrices. */
  readonly key: string;
  readonly milliseconds: number;
}

/** A step's calls, and the time between them. */
interface TimedStep {
  readonly calls: readonly Call[];
  readonly between: number;
}

/** Processor time of this process, in milliseconds. */
export function processorMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

/** The middle one. */
export function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
}

/**
 * Times every call of a backend, in processor time: on a machine with more to do than it has cores a call of more than a
 * millisecond is interrupted more often than not, but does not compute meanwhile. What neighbours in its caches cost it
 * does count, as it does for steps that are taken in turn with those that are watched. What the clock itself takes does
 * not.
 */
export class KernelTimes {
  /** The backend that steps are taken on; not owned. */
  readonly backend: Backend;
  #calls: Call[] = [];
  readonly #steps: TimedStep[] = [];
  /** Of a look at the clock. */
  readonly #look: number;

  /** Watches a backend. */
  constructor(backend: Backend) {
    this.#look = median(Array.from({ length: 1000 }, () => -processorMs() + processorMs()));
    const watched = new Map<PropertyKey, unknown>();
    this.backend = new Proxy(backend, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (!watched.has(name)) watched.set(name, this.#watch(target, String(name), value));
        return watched.get(name);
      },
    });
  }

  /** Takes a step and notes its calls. */
  take(step: () => void): void {
    this.#calls = [];
    const started = processorMs();
    step();
    const whole = processorMs() - started;
    const inside = this.#calls.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const looks = this.#look * (2 * this.#calls.length + 1);
    this.#steps.push({ calls: this.#calls, between: whole - inside - looks });
  }

  /** Milliseconds of a step, on average over those that were taken: as many calls of each kind as it has, at their mean. */
  get stepMs(): number {
    const { length } = this.#steps;
    const between = this.#steps.reduce((sum, step) => sum + step.between, 0) / length;
    return this.kinds.reduce(
      (sum, { perStep, milliseconds }) => sum + perStep * milliseconds,
      between,
    );
  }

  /** Calls of equal shapes: how many a step has, and what one takes. */
  get kinds(): readonly { key: string; perStep: number; milliseconds: number }[] {
    const byKey = Map.groupBy(this.#steps.flatMap(({ calls }) => calls), ({ key }) => key);
    return [...byKey].map(([key, calls]) => ({
      key,
      perStep: calls.length / this.#steps.length,
      milliseconds: calls.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / calls.length,
    }));
  }

  #watch(target: Backend, name: string, call: (...args: unknown[]) => unknown): unknown {
    return (...args: unknown[]): unknown => {
      // What runs a function of the caller's is no kernel.
      if (args.some((arg) => typeof arg === "function")) return call.apply(target, args);
      const started = processorMs();
      const result = call.apply(target, args);
      const milliseconds = Math.max(0, processorMs() - started - this.#look);
      this.#calls.push({ key: `${name} ${shapesIn(args)}`, milliseconds });
      return result;
    };
  }
}

/** The shapes of all matrices among arguments. */
function shapesIn(value: unknown): string {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return "";
  const { rows, cols } = value as { rows?: unknown; cols?: unknown };
  if (typeof rows === "number") return `${rows}x${cols}`;
  return Object.values(value).map(shapesIn).filter((shape) => shape !== "").join(" ");
}
