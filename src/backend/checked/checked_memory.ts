/**
 * The memory half of a checked backend: who holds what, and that nothing is used after its end.
 *
 * @module
 */

import type { BackendInfo, Candidate, GpuMemory, Memory, MemoryReport } from "../backend.ts";
import { checkAlive } from "./call_check.ts";
import { ShapeError, StateError } from "../../core/errors.ts";
import { type Matrix, type MatrixStorage, type OwnedMatrix, shapeOf } from "../../core/matrix.ts";
import type { Kernels, RawStorage } from "../kernels.ts";
import type { Recovery } from "../recovery.ts";
import type { Verbs } from "../verbs.ts";
import { UndoLog } from "./undo_log.ts";

/**
 * Hands out memory of an implementation and keeps the books: owners, scratch scopes, bytes.
 *
 * @example Memory is counted
 * ```ts
 * import assert from "node:assert/strict";
 * import { CheckedMemory, createWasmKernels } from "@tekfac/tekfac/backend";
 *
 * using memory = new CheckedMemory(createWasmKernels(), []);
 * const matrix = memory.alloc(2, 3);
 * assert.equal(memory.memory().liveBytes, 4 * 2 * 3);
 * matrix[Symbol.dispose]();
 * assert.equal(memory.memory().handles, 0);
 * ```
 */
export class CheckedMemory implements Memory, Disposable {
  /** See {@linkcode Backend.sync}. */
  readonly sync: boolean;
  readonly #kernels: Kernels;
  readonly #choice: Pick<BackendInfo, "chosen" | "rejected">;
  readonly #owned = new Set<RawStorage>();
  /** Bytes of scratch taken in each open scope. */
  readonly #scopes: number[] = [];
  readonly #undo: UndoLog;
  /** What has been allocated while something is being built. */
  #built: RawStorage[] | undefined;
  #ownedBytes = 0;
  #disposed = false;

  /**
   * Takes over the implementation: disposing this object disposes it.
   *
   * @param kernels The implementation.
   * @param rejected Candidates that were passed over.
   * @param chosen Why it was taken, if there was a choice.
   */
  constructor(kernels: Kernels, rejected: readonly Candidate[], chosen?: Candidate) {
    this.sync = kernels.sync;
    this.#kernels = kernels;
    this.#choice = { chosen, rejected };
    this.#undo = new UndoLog(kernels, this.#owned);
  }

  /** See {@linkcode Backend.name}. */
  get name(): string {
    return this.#kernels.name;
  }

  /** See {@linkcode Backend.info}. */
  get info(): BackendInfo {
    return { ...this.#kernels.info, ...this.#choice };
  }

  /** See {@linkcode Backend.recovery}. */
  get recovery(): Recovery | undefined {
    return this.#kernels.recovery;
  }

  /** See {@linkcode Backend.gpu}. */
  get gpu(): GpuMemory | undefined {
    const { gpu } = this.#kernels;
    if (gpu === undefined) return undefined;
    const live = (m: Matrix): GpuMemory => {
      checkAlive("Cannot copy a matrix", m, this.owns);
      return this.kernels().gpu!;
    };
    return {
      device: gpu.device,
      copyFrom: (target, source) => {
        const gpu = live(target);
        this.#undo.note(target.storage);
        gpu.copyFrom(target, source);
      },
      copyTo: (target, source) => live(source).copyTo(target, source),
    };
  }

  /** See {@linkcode Memory.alloc}. Disposing the matrix twice is harmless. */
  alloc(rows: number, cols: number): OwnedMatrix {
    const kernels = this.kernels();
    checkSize("Cannot allocate a matrix", rows, cols);
    const storage = kernels.allocate(rows * cols);
    storage.owner = this;
    this.#owned.add(storage);
    this.#built?.push(storage);
    this.#ownedBytes += this.#bytesOf(storage);
    const release = (): void => this.#release(storage);
    return { storage, offset: 0, rows, cols, stride: cols, [Symbol.dispose]: release };
  }

  /** See {@linkcode Memory.scratch}. */
  scratch(rows: number, cols: number): Matrix {
    const kernels = this.kernels();
    checkSize("Cannot take scratch memory", rows, cols);
    if (this.#scopes.length === 0) {
      throw new StateError(
        "Cannot take scratch memory: expected to be inside backend.scope(() => ...), " +
          "received a call outside; use alloc() for matrices that outlive a scope",
      );
    }
    const storage = kernels.scratch(rows * cols);
    storage.owner = this;
    this.#scopes[this.#scopes.length - 1] += this.#bytesOf(storage);
    return { storage, offset: 0, rows, cols, stride: cols };
  }

  /** See {@linkcode Memory.scope}. */
  scope<T>(body: () => T): T {
    const kernels = this.kernels();
    kernels.pushScope();
    this.#scopes.push(0);
    try {
      return body();
    } finally {
      this.#scopes.pop();
      // Disposed inside its own scope, the implementation has already given everything back.
      if (!this.#disposed) kernels.popScope();
    }
  }

  /** See {@linkcode Memory.write}. */
  write(m: Matrix, data: ArrayLike<number>): void {
    const kernels = this.kernels();
    checkAlive("Cannot write a matrix", m, this.owns);
    if (data.length !== m.rows * m.cols) {
      const expected = `${m.rows * m.cols} numbers for ${shapeOf(m)}`;
      throw new ShapeError("Cannot write a matrix", expected, `${data.length}`);
    }
    this.#undo.note(m.storage);
    kernels.write(m, data);
  }

  /** See {@linkcode Memory.read}. */
  async read(m: Matrix): Promise<Float32Array | Float64Array> {
    const kernels = this.kernels();
    checkAlive("Cannot read a matrix", m, this.owns);
    return await kernels.read(m);
  }

  /** See {@linkcode Memory.readSync}. */
  readSync(m: Matrix): Float32Array | Float64Array {
    const kernels = this.kernels();
    checkAlive("Cannot read a matrix", m, this.owns);
    if (!this.sync) {
      throw new StateError(
        `Cannot read at once: backend '${this.name}' is not synchronous, use await read()`,
      );
    }
    return kernels.readSync(m);
  }

  /** See {@linkcode Backend.reading}. */
  async reading<T>(body: () => Promise<T>): Promise<T> {
    const { recovery } = this;
    for (;;) {
      if (recovery?.pending) await recovery.settled();
      const before = recovery?.devicesLost;
      try {
        const result = await body();
        if (recovery?.devicesLost === before) return result;
      } catch (error) {
        if (recovery?.devicesLost === before) throw error;
      }
    }
  }

  /** See {@linkcode Memory.undoable}. */
  undoable<T>(body: () => T, passing: readonly Matrix[] = [], refused?: Matrix): T {
    const { sync, keeping } = this.kernels();
    if (this.#undo.isOpen || (!sync && keeping === undefined)) return body();
    return this.#undo.run(body, passing, refused);
  }

  /** See {@linkcode Memory.building}. */
  building<T>(body: () => T): T {
    const before = this.#built;
    const built: RawStorage[] = [];
    this.#built = built;
    try {
      const result = body();
      before?.push(...built);
      return result;
    } catch (error) {
      for (const storage of built) this.#release(storage);
      throw error;
    } finally {
      this.#built = before;
    }
  }

  /** See {@linkcode Memory.memory}. */
  memory(): MemoryReport {
    const scratchBytes = this.#scopes.reduce((sum, bytes) => sum + bytes, 0);
    return {
      liveBytes: this.#ownedBytes + scratchBytes,
      handles: this.#owned.size,
      reservedBytes: this.#kernels.reservedBytes,
    };
  }

  /** See {@linkcode Backend.flush}. */
  async flush(): Promise<void> {
    await this.kernels().flush();
  }

  /** Frees every matrix that is left and gives all memory back; a second call does nothing. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    for (const storage of [...this.#owned]) this.#release(storage);
    this.#disposed = true;
    this.#kernels.dispose();
  }

  /** The implementation; throws `StateError` when it has been disposed. */
  protected kernels(): Kernels {
    if (this.#disposed) {
      throw new StateError(`Cannot use backend '${this.name}': it has been disposed`);
    }
    return this.#kernels;
  }

  /** Calls a verb that writes these matrices; they go back where the work that it is a part of fails. */
  protected run(
    verb: keyof Verbs,
    call: readonly unknown[],
    written: readonly { readonly matrix: Matrix }[],
  ): void {
    this.#undo.call(verb, call, written);
  }

  /** Called before a matrix is written by other means. */
  protected note({ storage }: Matrix): void {
    this.#undo.note(storage);
  }

  /** Whether a storage was handed out here. */
  protected readonly owns = (storage: MatrixStorage): boolean =>
    (storage as RawStorage).owner === this;

  #release(storage: RawStorage): void {
    if (!this.#owned.delete(storage)) return;
    this.#ownedBytes -= this.#bytesOf(storage);
    this.#undo.forget(storage);
    this.#kernels.free(storage);
  }

  #bytesOf(storage: MatrixStorage): number {
    return storage.length * this.#kernels.bytesPerElement;
  }
}

function checkSize(subject: string, rows: number, cols: number): void {
  if ([rows, cols].every((size) => Number.isSafeInteger(size) && size >= 0)) return;
  throw new ShapeError(subject, "rows and cols to be integers >= 0", `[${rows}, ${cols}]`);
}
