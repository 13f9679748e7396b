/**
 * The checks of one call of a verb: liveness, shapes against the kernel table, and that outputs lie
 * apart from inputs.
 *
 * @module
 */

import type { KroneckerCapture } from "../../core/capture.ts";
import { ShapeError, StateError } from "../../core/errors.ts";
import type { Formula } from "../../core/formula.ts";
import { type ConvGeometry, locationsOf, patchLength } from "../../core/geometry.ts";
import { type Matrix, type MatrixStorage, shapeOf } from "../../core/matrix.ts";
import { valueOfFactor } from "../symbolic_shape.ts";
import type { Verbs } from "../verbs.ts";
import {
  CallPlan,
  type PlanLetter,
  type PlanPlace,
  type PlanShape,
  type PlanSide,
} from "./call_plan.ts";

/** Whether a storage belongs to the backend on which the verb is called. */
export type Owns = (storage: MatrixStorage) => boolean;

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
 * Checks the matrices of calls by their rows of {@linkcode KERNEL_TABLE}, outputs first. Letters take their
 * value from the geometry of a call, or from the first matrix that determines them.
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
 * const calls = new CallChecker(owns);
 * assert.throws(() => calls.check("gemm", [c, a, a]), /expected \[k, n\] = \[3, 2\]/);
 * calls.check("gemm", [c, a, a, { transposeB: true }]);
 * ```
 */
export class CallChecker {
  readonly #owns: Owns;
  /** What there is to check in a verb. */
  readonly #plans = new Map<keyof Verbs, CallPlan>();
  readonly #formulas = new WeakMap<Formula, CallPlan>();

  /**
   * For one backend.
   *
   * @param owns Tells the backend's own storages.
   */
  constructor(owns: Owns) {
    this.#owns = owns;
  }

  /**
   * Checks one call.
   *
   * @returns What it will write, in the order of its row.
   * @throws {ShapeError} When a shape does not fit, or what is written overlaps something else.
   * @throws {StateError} When a matrix is disposed or of another backend.
   */
  check(verb: keyof Verbs, call: readonly unknown[]): readonly Output[] {
    const [first] = call;
    const plan = this.#planOf(verb, first);
    // Of several jobs each is a call of its own.
    if (Array.isArray(first)) return first.flatMap((job) => this.#run(plan, [job]));
    return this.#run(plan, call);
  }

  #planOf(verb: keyof Verbs, first: unknown): CallPlan {
    if (verb === "evaluate") {
      let plan = this.#formulas.get(first as Formula);
      if (plan === undefined) {
        this.#formulas.set(first as Formula, plan = new CallPlan(verb, first));
      }
      return plan;
    }
    let plan = this.#plans.get(verb);
    if (plan === undefined) this.#plans.set(verb, plan = new CallPlan(verb, undefined));
    return plan;
  }

  #run(plan: CallPlan, call: readonly unknown[]): Output[] {
    bindKnown(plan, call);
    const outputs: Output[] = [];
    for (const place of plan.places) {
      const matrix = this.#matrixOf(place, call);
      if (matrix === undefined) continue;
      const { instead } = place;
      const isOther = instead !== undefined && instead.read(call) === instead.value;
      checkShape(plan, place.subject, matrix, isOther ? instead.shape : place.shape);
      if (outputs.length > 0) checkApart(place, matrix, outputs, call);
      if (place.operand.written) outputs.push({ name: place.name, matrix });
    }
    return outputs;
  }

  /** The live matrix at a place; `undefined` where there is a number, or nothing, and may be. */
  #matrixOf({ read, subject, operand }: PlanPlace, call: readonly unknown[]): Matrix | undefined {
    const value = read(call);
    if (value === undefined && operand.optional) return undefined;
    if (typeof value === "number" && operand.scalar) return undefined;
    if (typeof value !== "object" || value === null) {
      throw new ShapeError(subject, "a matrix", String(value));
    }
    checkAlive(subject, value as Matrix, this.#owns);
    return value as Matrix;
  }
}

/** What a call writes. */
export interface Output {
  /** Name of the argument. */
  readonly name: string;
  /** The matrix. */
  readonly matrix: Matrix;
}

/** Gives those letters their values that the call itself knows. */
function bindKnown(plan: CallPlan, call: readonly unknown[]): void {
  plan.sizes.fill(NaN);
  const capture = plan.capture?.(call) as KroneckerCapture | undefined;
  if (capture !== undefined) bindAll(plan, { N: capture.examples, T: 1 });
  const geometry = plan.geometry?.(call) as ConvGeometry | undefined;
  if (geometry !== undefined) {
    bindAll(plan, sizesOf(geometry));
    const { groups = 1 } = geometry;
    if (groups > 1 && !plan.takesGroups) {
      const expected = "a convolution without groups; take them one by one";
      throw new ShapeError(`Cannot run ${plan.verb}`, expected, `${groups} groups`);
    }
  }
  const parts = plan.parts?.(call);
  if (parts !== undefined) bindAll(plan, { P: parts as number });
}

function bindAll({ letters, sizes }: CallPlan, known: Readonly<Record<string, number>>): void {
  for (let i = 0; i < letters.length; i++) sizes[i] = known[letters[i]] ?? sizes[i];
}

function checkShape(plan: CallPlan, subject: string, m: Matrix, [rows, cols]: PlanShape): void {
  const { sizes } = plan;
  if (bind(rows, m.rows, sizes) && bind(cols, m.cols, sizes)) return;
  const written = `[${rows.factors.join(" ")}, ${cols.factors.join(" ")}]`;
  const known = `[${knownOf(rows, plan)}, ${knownOf(cols, plan)}]`;
  const expected = written === known ? written : `${written} = ${known}`;
  throw new ShapeError(subject, expected, shapeOf(m));
}

/** Whether a side can have this size; determines the one letter that is still unknown. */
function bind({ constant, letters }: PlanSide, size: number, sizes: Float64Array): boolean {
  let known = constant;
  let unknown: PlanLetter | undefined;
  for (const letter of letters) {
    const value = sizes[letter.at];
    if (Number.isNaN(value)) unknown = letter;
    else known *= value + letter.more;
  }
  if (unknown === undefined) return known === size;
  if (known === 0) return size === 0;
  const value = size / known - unknown.more;
  if (!Number.isInteger(value) || value < 0) return false;
  sizes[unknown.at] = value;
  return true;
}

/** A side with the letters that have a value replaced by it: `"N 784"`. */
function knownOf({ factors }: PlanSide, { letters, sizes }: CallPlan): string {
  const bound = Object.fromEntries(letters.map((letter, i) => [letter, sizes[i]]));
  const values = factors.map((factor) => valueOfFactor(factor, bound));
  const isKnown = (value: number | undefined) => value !== undefined && !Number.isNaN(value);
  const unknown = factors.filter((_, i) => !isKnown(values[i]));
  const known = values.filter(isKnown).reduce<number>((product, value) => product * value!, 1);
  return unknown.length === 0 || known !== 1 ? [...unknown, known].join(" ") : unknown.join(" ");
}

function checkApart(
  { subject, apart }: PlanPlace,
  matrix: Matrix,
  outputs: readonly Output[],
  call: readonly unknown[],
): void {
  for (const output of outputs) {
    if (!overlap(output.matrix, matrix)) continue;
    const mayBeSame = apart !== undefined && !apart(call);
    if (mayBeSame && isSameView(output.matrix, matrix)) continue;
    throw new ShapeError(
      subject,
      mayBeSame
        ? `'${output.name}' itself or a matrix apart from it`
        : `a matrix apart from '${output.name}', which is written`,
      "one that overlaps it",
    );
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
