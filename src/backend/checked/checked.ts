/**
 * The public backend around an implementation: every call is checked once, here, so that kernels
 * need no checks of their own.
 *
 * @module
 */

import type { Backend, EighJob, EighOptions, EighTicket } from "../backend.ts";
import { KERNEL_TABLE } from "../kernel_table.ts";
import type { VerbExtension } from "../extension.ts";
import type { Kernels } from "../kernels.ts";
import type { Verbs } from "../verbs.ts";
import { CallChecker } from "./call_check.ts";
import { CheckedMemory } from "./checked_memory.ts";

/** All verbs, each checked by its row of {@linkcode KERNEL_TABLE}. */
export interface CheckedBackend extends Verbs {}

/**
 * Wraps `Kernels` into a {@linkcode Backend}: checks liveness and shapes, and counts what is held.
 *
 * Every verb throws `ShapeError` when a shape does not fit, naming verb and argument, and
 * `StateError` when a matrix is disposed or of another backend, or when this backend is disposed.
 * Nothing has been written then.
 *
 * @example Kernels behind checks
 * ```ts
 * import assert from "node:assert/strict";
 * import { CheckedBackend, createWasmKernels } from "@tekfac/tekfac/backend";
 *
 * using backend = new CheckedBackend(createWasmKernels(), []);
 * using a = backend.alloc(1, 2);
 * using b = backend.alloc(3, 1);
 * assert.throws(() => backend.squares(a, b), /expected/);
 * ```
 */
export class CheckedBackend extends CheckedMemory implements Backend {
  readonly #calls = new CallChecker(this.owns);

  static {
    for (const verb of Object.keys(KERNEL_TABLE) as (keyof Verbs)[]) {
      const value = function (this: CheckedBackend, ...call: unknown[]): void {
        this.kernels();
        this.run(verb, call, this.#calls.check(verb, call));
      };
      Object.defineProperty(this.prototype, verb, { value, configurable: true, writable: true });
    }
  }

  /** See {@linkcode Backend.beginEigh}. */
  beginEigh(jobs: readonly EighJob[], options: EighOptions = {}): EighTicket {
    const kernels = this.kernels();
    const note = (): void => {
      for (const { matrix } of this.#calls.check("eigh", [jobs])) this.note(matrix);
    };
    note();
    const ticket = kernels.beginEigh?.(jobs, options);
    // A device that answers later lets nobody wait: it may as well be told now.
    if (ticket === undefined && !this.sync) kernels.eigh(jobs);
    if (ticket === undefined) return this.sync ? solvedWhenFinished(kernels, jobs) : DONE;
    if (this.sync) return ticket;
    return {
      get ready(): boolean {
        return ticket.ready;
      },
      finish(): void {
        note();
        ticket.finish();
      },
      // It writes when it is finished, and not before.
      drop(): void {},
    };
  }

  /** See {@linkcode Backend.extend}. */
  extend(extension: VerbExtension): void {
    this.kernels().extend?.(extension);
  }
}

const DONE: EighTicket = { ready: true, finish: () => {}, drop: () => {} };

/** A ticket without a thread: the work is done when its result is wanted. */
function solvedWhenFinished(kernels: Kernels, jobs: readonly EighJob[]): EighTicket {
  let ready = false;
  return {
    get ready(): boolean {
      return ready;
    },
    finish(): void {
      if (!ready) kernels.eigh(jobs);
      ready = true;
    },
  };
}
