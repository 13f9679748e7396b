/**
 * The checks of one call of a verb: liveness, shapes against the kernel table, and that outputs lie
 * apart from inputs.
 *
 * @module
 */

import type { Scalar, Verbs } from "../backend.ts";
import { ShapeError, StateError } from "../../core/errors.ts";
import { type Matrix, shapeOf, type Storage } from "../../core/matrix.ts";
import {
  type ArgumentOf,
  type Factor,
  KERNEL_TABLE,
  type SymbolicShape,
  valueOfFactor,
} from "../kernel_table.ts";

/** Whether a storage belongs to the backend on which the verb is called. */
export type Owns = (storage: Storage) => boolean;

/**
 * Throws unless `m` is a live view inside a storage of this backend.
 *
 * @param subject What was being done: `"Cannot read a matrix"`.
 * @throws {StateError} When the storage is disposed or belongs to another backend.
 * @throws {ShapeError} When the view leaves its storage.
 */
export function checkAlive(subject: string, m: Matrix, owns: Owns): void {
  if (m.storage.disposed) {
    throw new StateError(
      `${subject}: its storage has been disposed, or its scratch scope has ended`,
    );
  }
  if (!owns(m.storage)) throw new StateError(`${subject}: it belongs to another backend`);
  const end = m.rows > 0 && m.cols > 0 ? m.offset + (m.rows - 1) * m.stride + m.cols : m.offset;
  if (!(m.offset >= 0 && m.stride >= m.cols && end <= m.storage.length)) {
    throw new ShapeError(
      subject,
      `a view inside a storage of ${m.storage.length} numbers`,
      `${shapeOf(m)} from ${m.offset} with stride ${m.stride}`,
    );
  }
}

/**
 * Checks the arguments of one call, outputs first. Letters of the kernel table's shapes take their
 * value from the first argument that determines them.
 *
 * @example A product whose sizes do not match
 * ```ts
 * import assert from "node:assert/strict";
 * import { CallCheck, checkAlive, createBackend } from "@tekfac/tekfac/backend";
 *
 * using backend = await createBackend();
 * using a = backend.alloc(2, 3);
 * using c = backend.alloc(2, 2);
 * const owns = () => true;
 * checkAlive("Cannot read a matrix", a, owns);
 * assert.throws(() => new CallCheck("gemm", owns).output("c", c).input("a", a).input("b", a));
 * ```
 */
export class CallCheck<V extends keyof Verbs> {
  readonly #verb: V;
  readonly #owns: Owns;
  readonly #sizes: Record<string, number>;
  readonly #outputs: { readonly name: string; readonly matrix: Matrix }[] = [];

  /**
   * Begins a call.
   *
   * @param verb The verb that is called.
   * @param owns Tells the backend's own storages.
   * @param sizes Letters that are known beforehand, such as those of a geometry.
   */
  constructor(verb: V, owns: Owns, sizes: Readonly<Record<string, number>> = {}) {
    this.#verb = verb;
    this.#owns = owns;
    this.#sizes = { ...sizes };
  }

  /**
   * Checks a matrix that is written.
   *
   * @param shape Instead of the table's shape.
   */
  output(name: ArgumentOf<V>, matrix: Matrix, shape?: SymbolicShape): this {
    this.#checkMatrix(name, matrix, shape);
    this.#checkApart(name, matrix, false);
    this.#outputs.push({ name, matrix });
    return this;
  }

  /**
   * Checks a matrix that is only read.
   *
   * @param shape Instead of the table's shape.
   * @param mayBeOutput Whether it may be the very matrix that is written.
   */
  input(name: ArgumentOf<V>, matrix: Matrix, shape?: SymbolicShape, mayBeOutput = false): this {
    this.#checkMatrix(name, matrix, shape);
    this.#checkApart(name, matrix, mayBeOutput);
    return this;
  }

  /** Checks an input that may be absent. */
  optional(name: ArgumentOf<V>, matrix: Matrix | undefined): this {
    return matrix === undefined ? this : this.input(name, matrix);
  }

  /** Checks a number or [1, 1] matrix that is only read. */
  scalar(name: ArgumentOf<V>, value: Scalar | undefined): this {
    return value === undefined || typeof value === "number" ? this : this.input(name, value);
  }

  #subject(name: string): string {
    return `Cannot run ${this.#verb} with this '${name}'`;
  }

  #checkMatrix(name: string, m: Matrix, override?: SymbolicShape): void {
    checkAlive(this.#subject(name), m, this.#owns);
    const table: Readonly<Record<string, SymbolicShape>> = KERNEL_TABLE[this.#verb].shapes;
    const shape = override ?? table[name] ?? table[`${name}?`];
    if (this.#bind(shape.rows, m.rows) && this.#bind(shape.cols, m.cols)) return;
    const written = `[${shape.rows.join(" ")}, ${shape.cols.join(" ")}]`;
    const known = `[${this.#known(shape.rows)}, ${this.#known(shape.cols)}]`;
    throw new ShapeError(
      this.#subject(name),
      written === known ? written : `${written} = ${known}`,
      shapeOf(m),
    );
  }

  /** Whether a side can have this size; determines the one letter that is still unknown. */
  #bind(factors: readonly Factor[], size: number): boolean {
    let known = 1;
    let unknown: Factor | undefined;
    for (const factor of factors) {
      const value = valueOfFactor(factor, this.#sizes);
      if (value === undefined) unknown = factor;
      else known *= value;
    }
    if (unknown === undefined) return known === size;
    if (known === 0) return size === 0;
    this.#sizes[unknown] = size / known;
    if (Number.isInteger(size / known)) return true;
    delete this.#sizes[unknown];
    return false;
  }

  /** A side with the letters that have a value replaced by it: `"N 784"`. */
  #known(factors: readonly Factor[]): string {
    const numbers = factors.map((factor) => valueOfFactor(factor, this.#sizes));
    const letters = factors.filter((_, i) => numbers[i] === undefined);
    const known = numbers.reduce<number>((value, number) => value * (number ?? 1), 1);
    return letters.length === 0 || known !== 1 ? [...letters, known].join(" ") : letters.join(" ");
  }

  #checkApart(name: string, matrix: Matrix, mayBeSame: boolean): void {
    for (const output of this.#outputs) {
      if (!overlap(output.matrix, matrix)) continue;
      if (mayBeSame && isSameView(output.matrix, matrix)) continue;
      throw new ShapeError(
        this.#subject(name),
        mayBeSame
          ? `'${output.name}' itself or a matrix apart from it`
          : `a matrix apart from '${output.name}', which is written`,
        "one that overlaps it",
      );
    }
  }
}

function isSameView(x: Matrix, y: Matrix): boolean {
  return x.offset === y.offset && (x.stride === y.stride || x.rows <= 1);
}

/** Whether two views share an element; views of different strides count as solid runs. */
function overlap(x: Matrix, y: Matrix): boolean {
  if (x.storage !== y.storage || x.rows * x.cols === 0 || y.rows * y.cols === 0) return false;
  const [first, second] = x.offset <= y.offset ? [x, y] : [y, x];
  const distance = second.offset - first.offset;
  if (distance >= (first.rows - 1) * first.stride + first.cols) return false;
  if (first.rows === 1 || first.stride !== second.stride) return true;
  // Columns of one matrix: they meet where the column ranges do, counted around the end of a row.
  const column = distance % first.stride;
  return column < first.cols || column + second.cols > first.stride;
}
