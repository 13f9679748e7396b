/**
 * An implementation that may be lost, as one that cannot: calls go to whatever is at work, and to nothing
 * between a loss and what follows it.
 *
 * @module
 */

import { BackendError, StateError } from "../../core/errors.ts";
import type { Matrix } from "../../core/matrix.ts";
import type { EighJob, EighOptions, EighTicket, Verbs } from "../backend.ts";
import { everyVerb, holdersOf } from "../calls.ts";
import type { Keeping, Kernels, RawStorage } from "../kernels.ts";
import { Handle, unwrapped, wholeOf } from "./handle.ts";
import type { RecoveryOptions } from "../recovery.ts";
import { type Reopen, Succession } from "./succession.ts";

/**
 * Wraps an implementation that may be lost.
 *
 * @param first Owned.
 * @param reopen Called after each loss; what it returns is owned, too.
 *
 * @example What `createBackend({ recovery: {} })` does with a device of its own
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   CheckedBackend,
 *   createRecoverableKernels,
 *   createReferenceKernels,
 * } from "@tekfac/tekfac/backend";
 *
 * const reopen = () => Promise.resolve(createReferenceKernels());
 * const kernels = createRecoverableKernels(createReferenceKernels(), reopen, { everySteps: 50 });
 * using backend = new CheckedBackend(kernels, []);
 * using x = backend.alloc(1, 2);
 * backend.write(x, [3, 4]);
 * assert.deepEqual([...await backend.read(x)], [3, 4]);
 * ```
 */
export function createRecoverableKernels(
  first: Kernels,
  reopen: Reopen,
  options: RecoveryOptions,
): Kernels {
  const succession = new Succession(first, reopen, options);
  return {
    sync: false,
    get name() {
      return succession.latest.name;
    },
    get info() {
      return succession.latest.info;
    },
    get bytesPerElement() {
      return succession.latest.bytesPerElement;
    },
    get reservedBytes() {
      return succession.current?.reservedBytes ?? 0;
    },
    recovery: succession,
    ...createMemory(succession),
    ...createReading(succession),
    ...createVerbs(succession),
    keeping: createKeeping(succession),
    beginEigh: (jobs, options) => beginEigh(succession, jobs, options),
    extend: (extension) => succession.extend(extension),
    dispose: () => succession.dispose(),
  };
}

function createVerbs(succession: Succession): Verbs {
  return everyVerb((verb) => {
    // Nothing else is searched for matrices: a formula's nodes have many ways to each other.
    const holders = holdersOf(verb);
    return (...call) => {
      const kernels = succession.current;
      if (kernels === undefined) return;
      const inner = call.map((value, i) => holders[i] ? unwrapped(value) : value);
      (kernels[verb] as (...call: unknown[]) => void)(...inner);
    };
  });
}

function createMemory(
  succession: Succession,
): Pick<Kernels, "allocate" | "free" | "pushScope" | "scratch" | "popScope" | "write"> {
  const { owned, snapshots } = succession;
  const scopes: { readonly kernels: Kernels | undefined; readonly handles: Handle[] }[] = [];
  const wrap = (storage: RawStorage | undefined, length: number): Handle =>
    new Handle(length, storage, succession.devicesLost);
  return {
    allocate(length) {
      const handle = wrap(succession.current?.allocate(length), length);
      owned.add(handle);
      return handle;
    },
    free(storage) {
      const handle = storage as Handle;
      handle.disposed = true;
      owned.delete(handle);
      succession.passing.delete(handle);
      snapshots.forget(handle);
      if (handle.inner !== undefined) succession.current?.free(handle.inner);
    },
    pushScope() {
      const kernels = succession.current;
      scopes.push({ kernels, handles: [] });
      kernels?.pushScope();
    },
    scratch(length) {
      const handle = wrap(succession.current?.scratch(length), length);
      scopes[scopes.length - 1].handles.push(handle);
      return handle;
    },
    popScope() {
      const { kernels, handles } = scopes.pop()!;
      for (const handle of handles) handle.disposed = true;
      if (succession.current === kernels) kernels?.popScope();
    },
    write(m, data) {
      const kernels = succession.current;
      const handle = m.storage as Handle;
      if (owned.has(handle)) snapshots.note(handle, m, data, kernels === undefined);
      kernels?.write(unwrapped(m), data);
    },
  };
}

function createReading(succession: Succession): Pick<Kernels, "read" | "readSync" | "flush"> {
  return {
    async read(m: Matrix): Promise<Float32Array | Float64Array> {
      for (;;) {
        // Asked at once where somebody is at work: the numbers are those of now.
        if (succession.pending) await succession.settled();
        const kernels = workingOf(succession);
        const handle = m.storage as Handle;
        if (handle.devicesLost !== succession.devicesLost && !succession.owned.has(handle)) {
          throw new BackendError(kernels.name, "temporary numbers were lost with their device");
        }
        const numbers = await succession.unlessLost(kernels, kernels.read(unwrapped(m)));
        if (numbers !== undefined) return numbers;
      }
    },
    readSync(): never {
      throw new StateError("Cannot read at once: a GPU answers later, use await read()");
    },
    async flush() {
      for (;;) {
        if (succession.pending) await succession.settled();
        const kernels = workingOf(succession);
        const done = await succession.unlessLost(kernels, kernels.flush().then(() => true));
        if (done) return;
      }
    },
  };
}

function workingOf({ current, latest }: Succession): Kernels {
  if (current === undefined) throw new StateError(`Backend '${latest.name}' has been disposed`);
  return current;
}

/** Copies whose numbers are in no snapshot: nobody waits between two steps for what they are to be. */
function createKeeping(succession: Succession): Keeping {
  return {
    allocate(length) {
      const handle = new Handle(
        length,
        succession.current?.allocate(length),
        succession.devicesLost,
      );
      succession.owned.add(handle);
      succession.passing.add(handle);
      return handle;
    },
    copy(to, from, flag) {
      const kernels = succession.current;
      if (kernels === undefined) return;
      const [inner, source] = [to, from].map((storage) => (storage as Handle).inner!);
      if (kernels.keeping !== undefined) {
        kernels.keeping.copy(inner, source, flag && unwrapped(flag));
      } else if (flag === undefined || kernels.readSync(unwrapped(flag))[0] !== 0) {
        kernels.axpby(wholeOf(inner), 1, wholeOf(source), 0);
      }
    },
  };
}

/** Eigenproblems that die with their device: members go back to before they were begun. */
function beginEigh(
  succession: Succession,
  jobs: readonly EighJob[],
  options: EighOptions,
): EighTicket | undefined {
  const { current: kernels, devicesLost } = succession;
  // Threads of a host would write when a step has been put back already.
  if (kernels === undefined || kernels.sync) return undefined;
  const inner = kernels.beginEigh?.(unwrapped(jobs), options);
  if (inner === undefined) return undefined;
  const isOver = (): boolean => succession.devicesLost !== devicesLost;
  return {
    get ready(): boolean {
      return isOver() || inner.ready;
    },
    finish(): void {
      if (!isOver()) inner.finish();
    },
  };
}
