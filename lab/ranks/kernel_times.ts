/**
 * What the kernels of a step take, and what is between them.
 *
 * @module
 */

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

/**
 * Times every call of a backend. Of equal calls the fastest counts: on a busy machine most of those that take more than
 * a millisecond are interrupted, for longer than they take.
 */
export class KernelTimes {
  /** The backend that steps are taken on; not owned. */
  readonly backend: Backend;
  #calls: Call[] = [];
  readonly #steps: TimedStep[] = [];

  /** Watches a backend. */
  constructor(backend: Backend) {
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
    const started = performance.now();
    step();
    const whole = performance.now() - started;
    const inside = this.#calls.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    this.#steps.push({ calls: this.#calls, between: whole - inside });
  }

  /** Milliseconds of a step without disturbance, on average over those that were taken. */
  get stepMs(): number {
    const byKey = new Map<string, number[]>();
    for (const { key, milliseconds } of this.#steps.flatMap(({ calls }) => calls)) {
      byKey.set(key, [...byKey.get(key) ?? [], milliseconds]);
    }
    const kernels = [...byKey.values()].reduce(
      (sum, each) => sum + each.length * Math.min(...each),
      0,
    );
    const kinds = Map.groupBy(this.#steps, ({ calls }) => calls.length);
    const between = [...kinds.values()].reduce(
      (sum, steps) => sum + steps.length * Math.min(...steps.map((step) => step.between)),
      0,
    );
    return (kernels + between) / this.#steps.length;
  }

  #watch(target: Backend, name: string, call: (...args: unknown[]) => unknown): unknown {
    return (...args: unknown[]): unknown => {
      // What runs a function of the caller's is no kernel.
      if (args.some((arg) => typeof arg === "function")) return call.apply(target, args);
      const started = performance.now();
      const result = call.apply(target, args);
      const milliseconds = performance.now() - started;
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
