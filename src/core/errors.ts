/**
 * The errors of this library. Each one carries, besides its message, the facts a program needs to
 * react. Messages say what was being done, what was expected and what came; where a user can do
 * something about it, they say what to try.
 *
 * @module
 */

/** A matrix, batch or image has another shape than the operation needs. */
export class ShapeError extends RangeError {
  /** Name of the class, for code that sees errors of several copies of the library. */
  override readonly name = "ShapeError";
  /** What the operation needs, in words or as a shape such as `"[16, 8]"`. */
  readonly expected: string;
  /** What it was given. */
  readonly received: string;

  /**
   * Composes the message "subject: expected ..., received ...".
   *
   * @param subject What was being done, such as `"Cannot multiply matrices"`.
   * @param expected What the operation needs.
   * @param received What it was given.
   */
  constructor(subject: string, expected: string, received: string) {
    super(`${subject}: expected ${expected}, received ${received}`);
    this.expected = expected;
    this.received = received;
  }
}

/**
 * An option has a value outside its range, an unknown name, or contradicts another option.
 *
 * @example What the errors of this library tell
 * ```ts
 * import assert from "node:assert/strict";
 *
 * import { BackendError, DataError, GroupError, OptionError, ShapeError, StateError } from "@tekfac/tekfac/core";
 * import { dense, sequential } from "@tekfac/tekfac/nn";
 * import { createBackend } from "@tekfac/tekfac/backend";
 *
 * using backend = await createBackend();
 * try {
 *   dense(-1);
 * } catch (error) {
 *   assert(error instanceof OptionError && error.option === "outFeatures");
 * }
 * using matrix = backend.alloc(2, 3);
 * assert.throws(() => backend.gemm(matrix, matrix, matrix), ShapeError);
 * const model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 * model[Symbol.dispose]();
 * assert.throws(() => backend.readSync(model.parameters[0].value), StateError);
 *
 * // The others come from hosts, from files, from other processes and from numbers:
 * assert.equal(new GroupError("rank 3 is gone", { rank: 3 }).rank, 3);
 * assert.equal(new BackendError("wasm", "no SIMD").reason, "no SIMD");
 * assert.equal(new DataError("a.gz", "expected 10 bytes").source, "a.gz");
 * ```
 */
export class OptionError extends RangeError {
  /** Name of the class, for code that sees errors of several copies of the library. */
  override readonly name = "OptionError";
  /** Name of the option, dotted for nested options: `"damping.tau"`. */
  readonly option: string;
  /** The value that was given. */
  readonly received: unknown;

  /**
   * Composes the message "subject: 'option' expectation: received ...".
   *
   * @param subject What was being done, such as `"Cannot create TEKFAC"`.
   * @param option Name of the option.
   * @param expectation What the option must be: `"must be a finite number > 0"`.
   * @param received The value that was given.
   */
  constructor(subject: string, option: string, expectation: string, received: unknown) {
    super(`${subject}: '${option}' ${expectation}: received ${display(received)}`);
    this.option = option;
    this.received = received;
  }
}

/**
 * A number that had to be finite is not, or a decomposition kept failing.
 *
 * @example When numbers leave their range, nothing has been changed
 * ```ts
 * import assert from "node:assert/strict";
 *
 * import {
 *   createBackend,
 *   dense,
 *   NumericalError,
 *   objective,
 *   sequential,
 *   sgd,
 *   squaredError,
 * } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * using optimizer = sgd(objective(model, squaredError()));
 * try {
 *   optimizer.stepSync({ inputs: [3e38], targets: [-3e38] });
 *   assert.fail("the square of this is no float32");
 * } catch (error) {
 *   assert(error instanceof NumericalError && error.step === 0);
 * }
 * ```
 */
export class NumericalError extends Error {
  /** Name of the class, for code that sees errors of several copies of the library. */
  override readonly name = "NumericalError";
  /** The layer (parameter name) concerned, or `undefined` when it is the whole model. */
  readonly layer: string | undefined;
  /** What is not finite: `"loss"`, `"gradient"`, `"update"`, `"basis"`. */
  readonly quantity: string;
  /** The optimizer's step counter when it happened, counted from 0. */
  readonly step: number;

  /**
   * Keeps the message as it is.
   *
   * @param message The whole sentence, including what to try.
   * @param facts The layer, quantity and step concerned.
   */
  constructor(
    message: string,
    facts: { readonly layer?: string; readonly quantity: string; readonly step: number },
  ) {
    super(message);
    this.layer = facts.layer;
    this.quantity = facts.quantity;
    this.step = facts.step;
  }
}

/** A backend cannot be created or cannot do what was asked of it. */
export class BackendError extends Error {
  /** Name of the class, for code that sees errors of several copies of the library. */
  override readonly name = "BackendError";
  /** Name of the backend: `"wasm"`, `"reference"`. */
  readonly backend: string;
  /** Why, in words. */
  readonly reason: string;
  /** The layer it was done for, or `undefined` when that is not known. */
  readonly layer: string | undefined;

  /**
   * Composes the message "Backend 'name', layer 'name': reason".
   *
   * @param backend Name of the backend.
   * @param reason Why, in words.
   * @param options The underlying error as `cause`, and the layer it was done for.
   */
  constructor(
    backend: string,
    reason: string,
    options?: ErrorOptions & { readonly layer?: string },
  ) {
    const where = options?.layer === undefined ? "" : `, layer '${options.layer}'`;
    super(`Backend '${backend}'${where}: ${reason}`, options);
    this.backend = backend;
    this.reason = reason;
    this.layer = options?.layer;
  }
}

/** An object is used in a state that does not allow it: disposed, out of order, another model. */
export class StateError extends Error {
  /** Name of the class, for code that sees errors of several copies of the library. */
  override readonly name = "StateError";
}

/** A data file or data set is missing, truncated, mislabelled, empty or holds impossible values. */
export class DataError extends Error {
  /** Name of the class, for code that sees errors of several copies of the library. */
  override readonly name = "DataError";
  /** The file or data set. */
  readonly source: string;

  /**
   * Composes the message "Cannot read 'source': problem".
   *
   * @param source The file or data set.
   * @param problem What was expected and what came.
   * @param options The underlying error as `cause`; what was being done, where that is not `"Cannot read"`.
   */
  constructor(
    source: string,
    problem: string,
    options?: ErrorOptions & { readonly doing?: string },
  ) {
    super(`${options?.doing ?? "Cannot read"} '${source}': ${problem}`, options);
    this.source = source;
  }
}

/** A rank of a group that computes together is gone, does not come, or has failed, so that none can go on. */
export class GroupError extends Error {
  /** Name of the class, for code that sees errors of several copies of the library. */
  override readonly name = "GroupError";
  /** The rank concerned, or `undefined` when it is not known. */
  readonly rank: number | undefined;

  /**
   * Keeps the message as it is.
   *
   * @param message The whole sentence, including what to try.
   * @param options The rank concerned, and the underlying error as `cause`.
   */
  constructor(message: string, options?: ErrorOptions & { readonly rank?: number }) {
    super(message, options);
    this.rank = options?.rank;
  }
}

/** Levels of nested values that a message shows. */
const SHOWN_LEVELS = 3;

/** A short, safe rendering of any value for a message. */
function display(value: unknown, levels = SHOWN_LEVELS): string {
  if (typeof value === "string") return `'${value}'`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (levels === 0) return "...";
  const inner = (member: unknown): string => display(member, levels - 1);
  if (Array.isArray(value)) return `[${value.map(inner).join(", ")}]`;
  return `{${Object.entries(value).map(([k, v]) => `${k}: ${inner(v)}`).join(", ")}}`;
}
