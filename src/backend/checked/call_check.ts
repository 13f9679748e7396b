/**
 * The checks of one call of a verb: liveness, shapes against the kernel table, and that outputs lie
 * apart from inputs.
 *
 * @module
 */

import type { KroneckerCapture } from "../../core/capture.ts";
import { ShapeError, StateError } from "../../core/errors.ts";
import { type ConvGeometry, locationsOf, patchLength } from "../../core/geometry.ts";
import { type Matrix, shapeOf, type Storage } from "../../core/matrix.ts";
import { operandsOf } from "../calls.ts";
import { KERNEL_TABLE, type Operand } from "../kernel_table.ts";
import { type Factor, letterOf, type SymbolicShape, valueOfFactor } from "../symbolic_shape.ts";
import type { Verbs } from "../verbs.ts";

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
 * Checks the matrices of one call of a verb by its row of {@linkcode KERNEL_TABLE}, outputs first. Letters
 * take their value from the geometry of the call, or from the first matrix that determines them.
 *
 * @param verb The verb that is called.
 * @param call What it is called with.
 * @param owns Tells the backend's own storages.
 * @throws {ShapeError} When a shape does not fit, or what is written overlaps something else.
 * @throws {StateError} When a matrix is disposed or of another backend.
 *
 * @example A product whose sizes do not match
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 *
 * using backend = await createBackend();
 * using a = backend.alloc(2, 3);
 * using c = backend.alloc(2, 2);
 * const owns = () => true;
 * checkAlive("Cannot read a matrix", a, owns);
 * assert.throws(() => checkCall("gemm", [c, a, a], owns), /expected \[k, n\] = \[3, 2\]/);
 * checkCall("gemm", [c, a, a, { transposeB: true }], owns);
 * ```
 */
export function checkCall(verb: keyof Verbs, call: readonly unknown[], owns: Owns): void {
  const [first] = call;
  // Of several jobs each is a call of its own.
  if (Array.isArray(first)) { for (const job of first) new CallCheck(verb, [job], owns).run(); }
  else new CallCheck(verb, call, owns).run();
}

class CallCheck {
  readonly #verb: keyof Verbs;
  readonly #call: readonly unknown[];
  readonly #owns: Owns;
  readonly #sizes: Record<string, number>;
  readonly #outputs: { readonly name: string; readonly matrix: Matrix }[] = [];

  constructor(verb: keyof Verbs, call: readonly unknown[], owns: Owns) {
    this.#verb = verb;
    this.#call = call;
    this.#owns = owns;
    const part = (name: string): unknown => this.#part(name);
    const capture = part("capture") as KroneckerCapture | undefined;
    const geometry = part("geometry") ?? part("window") ?? part("capture.geometry");
    this.#sizes = {
      ...(capture && { N: capture.examples, T: 1 }),
      ...(geometry !== undefined && sizesOf(geometry as ConvGeometry)),
    };
  }

  run(): void {
    const operands = operandsOf(this.#verb, this.#call[0]);
    for (const name in operands) this.#check(name, operands[name], this.#part(name));
  }

  /** What a call holds under `"options.weights"`. */
  #part(name: string): unknown {
    const dot = name.indexOf(".");
    const index = KERNEL_TABLE[this.#verb].call.indexOf(dot < 0 ? name : name.slice(0, dot));
    const argument = this.#call[index];
    return dot < 0 ? argument : (argument as Record<string, unknown>)?.[name.slice(dot + 1)];
  }

  #check(name: string, operand: Operand, value: unknown): void {
    if (value === undefined && operand.optional) return;
    if (typeof value === "number" && operand.scalar) return;
    const subject = this.#subject(name);
    if (typeof value !== "object" || value === null) {
      throw new ShapeError(subject, "a matrix", String(value));
    }
    const matrix = value as Matrix;
    checkAlive(subject, matrix, this.#owns);
    const { otherwise, written, inPlace } = operand;
    const instead = otherwise !== undefined && this.#part(otherwise[1]) === otherwise[2];
    this.#checkShape(subject, matrix, instead ? otherwise[0] : operand.shape);
    this.#checkApart(name, matrix, typeof inPlace === "string" ? !this.#part(inPlace) : !!inPlace);
    if (written) this.#outputs.push({ name, matrix });
  }

  #subject(name: string): string {
    return `Cannot run ${this.#verb} with this '${name}'`;
  }

  #checkShape(subject: string, m: Matrix, shape: SymbolicShape): void {
    if (this.#bind(shape.rows, m.rows) && this.#bind(shape.cols, m.cols)) return;
    const written = `[${shape.rows.join(" ")}, ${shape.cols.join(" ")}]`;
    const known = `[${this.#known(shape.rows)}, ${this.#known(shape.cols)}]`;
    const expected = written === known ? written : `${written} = ${known}`;
    throw new ShapeError(subject, expected, shapeOf(m));
  }

  /** Whether a side can have this size; determines the one letter that is still unknown. */
  #bind(factors: readonly Factor[], size: number): boolean {
    let known = 1;
    let unknown: string | undefined;
    for (const factor of factors) {
      const value = valueOfFactor(factor, this.#sizes);
      if (value === undefined) unknown = String(factor);
      else known *= value;
    }
    if (unknown === undefined) return known === size;
    if (known === 0) return size === 0;
    const letter = letterOf(unknown);
    const value = size / known - (letter === unknown ? 0 : 1);
    if (!Number.isInteger(value) || value < 0) return false;
    this.#sizes[letter] = value;
    return true;
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

/** The letters of a window or a convolution: h, w, C, T, dIn, and `taps`, the pixels of a window. */
function sizesOf(geometry: ConvGeometry): Record<string, number> {
  const { height: h, width: w, channels: C, kernel } = geometry;
  const [T, taps] = [locationsOf(geometry), kernel[0] * kernel[1]];
  return { h, w, C, T, taps, dIn: patchLength(geometry) };
}
