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
import { operandsOf } from "../calls.ts";
import { KERNEL_TABLE, type Operand } from "../kernel_table.ts";
import { type Factor, letterOf, type SymbolicShape, valueOfFactor } from "../symbolic_shape.ts";
import type { Verbs } from "../verbs.ts";

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
  /** Where the matrices of a verb are: worked out once. */
  readonly #plans = new Map<keyof Verbs, Plan>();
  readonly #formulas = new WeakMap<object, Plan>();

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
    const formula = verb === "evaluate" ? first as Formula : undefined;
    let plan = formula === undefined ? this.#plans.get(verb) : this.#formulas.get(formula);
    if (plan === undefined) {
      plan = planOf(verb, formula);
      if (formula === undefined) this.#plans.set(verb, plan);
      else this.#formulas.set(formula, plan);
    }
    const run = (call: readonly unknown[]) => new CallCheck(call, this.#owns, plan).run();
    // Of several jobs each is a call of its own.
    return Array.isArray(first) ? first.flatMap((job) => run([job])) : run(call);
  }
}

/** Reads a part of a call, such as `"options.weights"`. */
type Reader = (call: readonly unknown[]) => unknown;

/** What takes convolutions with groups; factors belong to one group each. */
const GROUPED: readonly (keyof Verbs)[] = [
  "conv2d",
  "conv2dDataGradient",
  "conv2dWeightGradient",
  "depthwiseSecondMoment",
  "depthwiseSquaredProjection",
];

/** One operand, and how the parts of a call that it depends on are read. */
interface Place {
  readonly name: string;
  /** How errors about it begin. */
  readonly subject: string;
  readonly operand: Operand;
  readonly value: Reader;
  readonly otherwise: Reader;
  readonly inPlace: Reader;
}

interface Plan {
  readonly verb: keyof Verbs;
  /** Whether convolutions with groups are taken as a whole. */
  readonly takesGroups: boolean;
  readonly places: readonly Place[];
  readonly capture: Reader;
  readonly geometry: Reader;
  /** Of how many matrices one below the other. */
  readonly parts: Reader;
}

function planOf(verb: keyof Verbs, formula: unknown): Plan {
  const names = KERNEL_TABLE[verb].call;
  const reader = (part: string | undefined): Reader => {
    const [argument, field] = part?.split(".") ?? [];
    const index = names.indexOf(argument);
    if (field === undefined) return (call) => call[index];
    return (call) => (call[index] as Record<string, unknown> | undefined)?.[field];
  };
  const places = Object.entries(operandsOf(verb, formula)).map(([name, operand]): Place => {
    const { otherwise, inPlace } = operand;
    return {
      name,
      subject: `Cannot run ${verb} with this '${name}'`,
      operand,
      value: reader(name),
      otherwise: reader(otherwise?.[1]),
      inPlace: inPlace === true ? () => false : reader(inPlace),
    };
  });
  const geometry = names.includes("capture")
    ? "capture.geometry"
    : names.find((name) => name === "geometry" || name === "window");
  return {
    verb,
    takesGroups: GROUPED.includes(verb),
    places,
    capture: reader("capture"),
    geometry: reader(geometry),
    parts: reader("parts"),
  };
}

/** What a call writes. */
export interface Output {
  /** Name of the argument. */
  readonly name: string;
  /** The matrix. */
  readonly matrix: Matrix;
}

class CallCheck {
  readonly #call: readonly unknown[];
  readonly #owns: Owns;
  readonly #plan: Plan;
  readonly #sizes: Record<string, number> = {};
  readonly #outputs: Output[] = [];

  constructor(call: readonly unknown[], owns: Owns, plan: Plan) {
    this.#call = call;
    this.#owns = owns;
    this.#plan = plan;
  }

  /** @returns What will be written. */
  run(): readonly Output[] {
    const plan = this.#plan;
    const capture = plan.capture(this.#call) as KroneckerCapture | undefined;
    const geometry = plan.geometry(this.#call) as ConvGeometry | undefined;
    if (capture !== undefined) Object.assign(this.#sizes, { N: capture.examples, T: 1 });
    if (geometry !== undefined) {
      Object.assign(this.#sizes, sizesOf(geometry));
      const { groups = 1 } = geometry;
      if (groups > 1 && !plan.takesGroups) {
        const expected = "a convolution without groups; take them one by one";
        throw new ShapeError(`Cannot run ${plan.verb}`, expected, `${groups} groups`);
      }
    }
    const parts = plan.parts(this.#call);
    if (parts !== undefined) this.#sizes.P = parts as number;
    for (const place of plan.places) this.#check(place);
    return this.#outputs;
  }

  #check(place: Place): void {
    const { name, subject, operand } = place;
    const { shape, otherwise, written, inPlace, optional, scalar } = operand;
    const value = place.value(this.#call);
    if (value === undefined && optional) return;
    if (typeof value === "number" && scalar) return;
    if (typeof value !== "object" || value === null) {
      throw new ShapeError(subject, "a matrix", String(value));
    }
    const matrix = value as Matrix;
    checkAlive(subject, matrix, this.#owns);
    const instead = otherwise !== undefined && place.otherwise(this.#call) === otherwise[2];
    this.#checkShape(subject, matrix, instead ? otherwise[0] : shape);
    this.#checkApart(subject, matrix, inPlace !== undefined && !place.inPlace(this.#call));
    if (written) this.#outputs.push({ name, matrix });
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

  #checkApart(subject: string, matrix: Matrix, mayBeSame: boolean): void {
    for (const output of this.#outputs) {
      if (!overlap(output.matrix, matrix)) continue;
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
