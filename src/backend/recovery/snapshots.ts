/**
 * What is known on the host of numbers on a device: the last snapshot, and what was written since to
 * storage that it does not know.
 *
 * @module
 */

import type { Matrix } from "../../core/matrix.ts";
import type { Kernels } from "../kernels.ts";
import { type Handle, wholeOf } from "./handle.ts";

/** One write from the host. */
interface Write {
  readonly view: Omit<Matrix, "storage">;
  readonly numbers: ArrayLike<number>;
}

/** Numbers by storage. */
export type Contents = ReadonlyMap<Handle, ArrayLike<number>>;

/**
 * Copies storage to the host, as it is when everything enqueued so far is done.
 *
 * @param kernels Where the storage is.
 */
export async function contentsOf(kernels: Kernels, handles: Iterable<Handle>): Promise<Contents> {
  return new Map(
    await Promise.all(
      Array.from(
        handles,
        async (handle) => [handle, await kernels.read(wholeOf(handle.inner!))] as const,
      ),
    ),
  );
}

/**
 * The last snapshot, and the writes since that it does not know of. Storage without either is full of
 * zeros, as when it was made.
 */
export class Snapshots {
  #contents: Contents = new Map();
  /** Writes by storage and view, the last one to each, in order. */
  readonly #writes = new Map<Handle, Map<string, Write>>();

  /** Lets a new snapshot stand. */
  adopt(contents: Contents): void {
    this.#contents = contents;
    for (const handle of contents.keys()) this.#writes.delete(handle);
  }

  /**
   * Notes a write.
   *
   * @param always Whether also where a snapshot will overwrite it.
   */
  note(handle: Handle, m: Matrix, numbers: ArrayLike<number>, always: boolean): void {
    if (!always && this.#contents.has(handle)) return;
    const { offset, rows, cols, stride } = m;
    let writes = this.#writes.get(handle);
    if (writes === undefined) this.#writes.set(handle, writes = new Map());
    const key = [offset, rows, cols, stride].join();
    writes.delete(key);
    const view = { offset, rows, cols, stride };
    // The caller may write other numbers into its array.
    const copy = numbers instanceof Float32Array ? numbers.slice() : Float64Array.from(numbers);
    writes.set(key, { view, numbers: copy });
  }

  /** Forgets storage that is given back; the next snapshot will be without it. */
  forget(handle: Handle): void {
    this.#writes.delete(handle);
  }

  /** Writes what is known of a storage to what it stands for now. */
  restore(kernels: Kernels, handle: Handle): void {
    const storage = handle.inner!;
    const numbers = this.#contents.get(handle);
    if (numbers !== undefined) kernels.write(wholeOf(storage), numbers);
    for (const { view, numbers } of this.#writes.get(handle)?.values() ?? []) {
      kernels.write({ storage, ...view }, numbers);
    }
  }
}
