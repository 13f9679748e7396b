/**
 * Where the time of a step goes: each verb of the backend, timed from outside.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import type { Matrix } from "@tekfac/tekfac/core";

/** What one kind of work has taken. */
export interface Share {
  /** The verb, and of products the shapes. */
  readonly work: string;
  /** How often. */
  calls: number;
  /** Altogether, in milliseconds. */
  milliseconds: number;
}

/** A backend that looks at the clock before and after each verb, and what it has seen. */
export interface ProfiledBackend {
  /** To build models on; the caller of {@linkcode profiled} disposes what is inside. */
  readonly backend: Backend;
  /** By kind of work, while it is counted. */
  readonly shares: Map<string, Share>;
}

/** Verbs that only hold others. */
const HOLDERS = new Set(["scope", "reading", "undoable", "building"]);

/** Watches a backend. */
export function profiled(inner: Backend): ProfiledBackend {
  const shares = new Map<string, Share>();
  const wrapped = new Map<PropertyKey, unknown>();
  const backend = new Proxy(inner, {
    get(target, key) {
      const value = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      if (typeof key === "symbol" || HOLDERS.has(key)) return value.bind(target);
      if (!wrapped.has(key)) {
        wrapped.set(key, (...args: unknown[]) => {
          const start = performance.now();
          const result = value.apply(target, args);
          const took = performance.now() - start;
          const work = workOf(key, args);
          const share = shares.get(work) ?? { work, calls: 0, milliseconds: 0 };
          share.calls++;
          share.milliseconds += took;
          shares.set(work, share);
          return result;
        });
      }
      return wrapped.get(key);
    },
  });
  return { backend, shares };
}

function workOf(verb: string, args: readonly unknown[]): string {
  if (verb !== "gemm") return verb;
  const [out, a, b, options = {}] = args as [Matrix, Matrix, Matrix, Transposes?];
  const { transposeA = false, transposeB = false } = options;
  const inner = transposeA ? a.rows : a.cols;
  const letters = `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
  return `gemm ${letters} ${out.rows} x ${inner} x ${out.cols}${b === a ? " (own)" : ""}`;
}

interface Transposes {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}
