/**
 * What makes work on matrices all or nothing: what was there before is kept.
 *
 * @module
 */

import { isContiguous, type Matrix, type MatrixStorage } from "../../core/matrix.ts";
import type { Aside, Kernels, RawStorage } from "../kernels.ts";
import type { Scalar, Verbs } from "../verbs.ts";

type Numbers = Float32Array | Float64Array;

/** Puts back what a storage held; on a device, only where a flag is not 0 when it comes to that. */
type PutBack = (flag?: Matrix) => void;

/** A matrix that a call writes. */
type Written = { readonly matrix: Matrix };

/** A verb whose results go elsewhere. */
type Beside = (to: readonly Matrix[], ...call: readonly unknown[]) => void;

/**
 * Keeps what storage holds when it is about to be written for the first time, and puts it back where the work
 * fails. As cheaply as can be:
 *
 * - where a verb overwrites all of it and can write elsewhere, it does, and the two exchange their memory;
 * - where the work itself has copied it to a matrix that is nobody's, that copy will do;
 * - else it is copied to the host; on a device that answers later, on the device, which then puts back by itself
 *   what it finds out to be refused.
 *
 * All room is used again by the next work: no memory is asked for in a steady state, and putting back asks for none
 * at all.
 */
export class UndoLog {
  readonly #kernels: Kernels;
  /** Storage that outlives the work; everything else is nobody's state. */
  readonly #lasting: ReadonlySet<MatrixStorage>;
  /** Room for copies on the host. */
  readonly #room = new WeakMap<MatrixStorage, Numbers>();
  /** Memory that has been, or will be, exchanged with that of a storage. */
  readonly #twins = new Map<MatrixStorage, RawStorage>();
  /** What has been written, while work is going on; what passes is in it from the beginning, with nothing to do. */
  #before: Map<MatrixStorage, PutBack | undefined> | undefined;
  /** Storage that passes, and whose copy it is. */
  readonly #copies = new Map<MatrixStorage, RawStorage>();

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
   * Does work that is undone where it throws, or is refused.
   *
   * @param passing Matrices that need not be put back.
   * @param refused [1, 1], not 0 where the work turns out to be refused. Then it stays as it is.
   */
  run<T>(body: () => T, passing: readonly Matrix[], refused?: Matrix): T {
    const before = new Map<MatrixStorage, PutBack | undefined>();
    for (const { storage } of passing) before.set(storage, undefined);
    this.#before = before;
    const putBack = (flag?: Matrix): void => {
      for (const [storage, putBack] of before) {
        if (!storage.disposed && storage !== flag?.storage) putBack?.(flag);
      }
    };
    try {
      const result = body();
      if (refused !== undefined && this.#mayBe(refused)) putBack(refused);
      return result;
    } catch (error) {
      putBack();
      throw error;
    } finally {
      this.#before = undefined;
      this.#copies.clear();
    }
  }

  /** Whether a flag is, or may turn out to be, other than 0. */
  #mayBe(flag: Matrix): boolean {
    return !this.#kernels.sync || this.#kernels.readSync(flag)[0] !== 0;
  }

  /**
   * Calls a verb.
   *
   * @param written What it writes, in the order of its row.
   */
  call(verb: keyof Verbs, call: readonly unknown[], written: readonly Written[]): void {
    const { aside, [verb]: run } = this.#kernels;
    if (this.#before === undefined) return void Reflect.apply(run, this.#kernels, call);
    const beside = aside?.[verb as keyof Aside] as Beside | undefined;
    if (beside !== undefined && written.some(({ matrix }) => this.#canMove(matrix))) {
      return this.#callBeside(beside, call, written);
    }
    for (const { matrix } of written) this.note(matrix.storage);
    Reflect.apply(run, this.#kernels, call);
    if (verb === "axpby") this.#lend(...call as Parameters<Verbs["axpby"]>);
  }

  /** Called before storage is written in place. */
  note(storage: MatrixStorage): void {
    if (this.#before === undefined) return;
    const owner = this.#copies.get(storage);
    if (owner !== undefined) {
      this.#copies.delete(storage);
      this.#copy(owner, storage);
    } else if (this.#needs(storage)) this.#copy(storage as RawStorage, storage);
  }

  /** Called when storage is given back. */
  forget(storage: MatrixStorage): void {
    const twin = this.#twins.get(storage);
    this.#twins.delete(storage);
    if (twin !== undefined) this.#kernels.free(twin);
  }

  #needs(storage: MatrixStorage): boolean {
    return this.#lasting.has(storage) && !this.#before!.has(storage);
  }

  /** Copies what a storage held, which now is in `source`. */
  #copy(storage: RawStorage, source: MatrixStorage): void {
    const { keeping } = this.#kernels;
    if (keeping !== undefined) {
      const twin = this.#twinOf(storage);
      keeping.copy(twin, source as RawStorage);
      this.#before!.set(storage, (flag) => keeping.copy(storage, twin, flag));
      return;
    }
    const numbers = this.#kernels.readSync(wholeOf(source), this.#room.get(storage));
    this.#room.set(storage, numbers);
    this.#before!.set(storage, () => this.#kernels.write(wholeOf(storage), numbers));
  }

  /** Writes elsewhere what can be, and exchanges it with what is there. */
  #callBeside(beside: Beside, call: readonly unknown[], written: readonly Written[]): void {
    const to = written.map(({ matrix }) => {
      if (this.#canMove(matrix)) return { ...matrix, storage: this.#twinOf(matrix.storage) };
      this.note(matrix.storage);
      return matrix;
    });
    beside(to, ...call);
    to.forEach(({ storage: twin }, i) => {
      const storage = written[i].matrix.storage as RawStorage;
      if (twin === storage) return;
      const exchange = () => this.#kernels.aside!.exchange(storage, twin as RawStorage);
      exchange();
      this.#before!.set(storage, exchange);
    });
  }

  /** Whether all of a storage is written, for the first time. */
  #canMove(m: Matrix): boolean {
    return this.#needs(m.storage) && isWhole(m);
  }

  #twinOf(storage: MatrixStorage): RawStorage {
    const known = this.#twins.get(storage);
    if (known !== undefined) return known;
    const { length } = storage;
    const twin = this.#kernels.keeping?.allocate(length) ?? this.#kernels.allocate(length);
    this.#twins.set(storage, twin);
    return twin;
  }

  /** After `y = alpha x + beta y`: a copy of state in what passes is kept as such. */
  #lend(y: Matrix, alpha: Scalar, x: Matrix, beta: Scalar): void {
    const before = this.#before!;
    const isCopy = alpha === 1 && beta === 0 && isWhole(x) && isWhole(y);
    const passes = before.has(y.storage) && before.get(y.storage) === undefined;
    if (this.#kernels.keeping !== undefined || !isCopy || !passes || !this.#needs(x.storage)) {
      return;
    }
    this.#copies.set(y.storage, x.storage as RawStorage);
    before.set(x.storage, () => this.#kernels.axpby(x, 1, y, 0));
  }
}

function isWhole(m: Matrix): boolean {
  return isContiguous(m) && m.rows * m.cols === m.storage.length;
}

function wholeOf(storage: MatrixStorage): Matrix {
  const { length } = storage;
  return { storage, offset: 0, rows: 1, cols: length, stride: length };
}
