/**
 * What makes work on matrices all or nothing: copies of what was there before.
 *
 * @module
 */

import type { Matrix, MatrixStorage } from "../../core/matrix.ts";
import type { Kernels, RawStorage } from "../kernels.ts";

type Numbers = Float32Array | Float64Array;

/**
 * Copies storage when it is about to be written for the first time, and writes the copies back where the work
 * fails. Copies are on the host and are used again by the next work: no memory is asked for in a steady state,
 * and putting back asks for none at all.
 */
export class UndoLog {
  readonly #kernels: Kernels;
  /** Storage that outlives the work; everything else is nobody's state. */
  readonly #lasting: ReadonlySet<MatrixStorage>;
  /** Room for the copies. */
  readonly #room = new WeakMap<MatrixStorage, Numbers>();
  /** What has been written, while work is going on; what passes is in it from the beginning, without a copy. */
  #before: Map<RawStorage, Numbers | undefined> | undefined;

  /** For an implementation, and the set that it keeps of its lasting storage. */
  constructor(kernels: Kernels, lasting: ReadonlySet<MatrixStorage>) {
    this.#kernels = kernels;
    this.#lasting = lasting;
  }

  /** Whether work is going on. */
  get isOpen(): boolean {
    return this.#before !== undefined;
  }

  /**
   * Does work that is undone where it throws.
   *
   * @param passing Matrices that need not be put back.
   */
  run<T>(body: () => T, passing: readonly Matrix[]): T {
    const before = new Map<RawStorage, Numbers | undefined>();
    for (const { storage } of passing) before.set(storage as RawStorage, undefined);
    this.#before = before;
    try {
      return body();
    } catch (error) {
      for (const [storage, numbers] of before) {
        if (numbers === undefined || storage.disposed) continue;
        this.#kernels.write(wholeOf(storage), numbers);
      }
      throw error;
    } finally {
      this.#before = undefined;
    }
  }

  /** Called before storage is written. */
  note(storage: MatrixStorage): void {
    const before = this.#before;
    if (before === undefined || !this.#lasting.has(storage) || before.has(storage as RawStorage)) {
      return;
    }
    const numbers = this.#kernels.readSync(wholeOf(storage), this.#room.get(storage));
    this.#room.set(storage, numbers);
    before.set(storage as RawStorage, numbers);
  }
}

function wholeOf(storage: MatrixStorage): Matrix {
  const { length } = storage;
  return { storage, offset: 0, rows: 1, cols: length, stride: length };
}
