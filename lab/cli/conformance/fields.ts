/**
 * Golden cases as they are read: JSON whose every field is checked when it is asked for, so that a
 * damaged case is answered by a sentence that names the file, the field and what came.
 *
 * @module
 */

import { DataError } from "@tekfac/tekfac/core";

/** Numbers with a shape, row-major. */
export interface Tensor {
  /** Lengths of the axes. */
  readonly shape: readonly number[];
  /** As many numbers as the product of the lengths. */
  readonly data: Float64Array;
}

/** An object of a golden case. A field that is null counts as absent. */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #file: string;
  readonly #path: string;

  /**
   * Wraps a value.
   *
   * @param value What should be an object.
   * @param file Where it was read, for messages.
   * @param path Its place in the file: `"expected."`. @default {""}
   * @throws {DataError} When it is no object.
   */
  constructor(value: unknown, file: string, path = "") {
    this.#file = file;
    this.#path = path;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new DataError(file, `expected an object, received ${shown(value)}`);
    }
    this.#values = value as Record<string, unknown>;
  }

  /** Names of the fields that are present. */
  get names(): string[] {
    return Object.keys(this.#values).filter((name) => this.has(name));
  }

  /** Whether a field is present. */
  has(name: string): boolean {
    return Object.hasOwn(this.#values, name) && this.#values[name] !== null;
  }

  /** A finite number. */
  number(name: string): number {
    return this.#checked(name, "a finite number", isNumber);
  }

  /** A finite number, or `preset` where the field is absent. */
  numberOr(name: string, preset: number): number {
    return this.has(name) ? this.number(name) : preset;
  }

  /** A string. */
  text(name: string): string {
    return this.#checked(name, "a string", (v) => typeof v === "string");
  }

  /** True or false; false where the field is absent. */
  flag(name: string): boolean {
    return this.has(name) && this.#checked(name, "true or false", (v) => typeof v === "boolean");
  }

  /** A plain list of finite numbers. */
  numbers(name: string): number[] {
    return this.#checked(
      name,
      "a list of finite numbers",
      (v) => Array.isArray(v) && v.every(isNumber),
    );
  }

  /** Two integers, [vertical, horizontal]. */
  pair(name: string): [number, number] {
    return this.#checked(
      name,
      "a list of two integers",
      (v) => Array.isArray(v) && v.length === 2 && v.every(Number.isInteger),
    );
  }

  /** An integer for both directions, two of them, or `preset` where the field is absent. */
  numberOrPair(name: string, preset: number): number | [number, number] {
    if (!this.has(name)) return preset;
    return typeof this.#values[name] === "number" ? this.number(name) : this.pair(name);
  }

  /** An object. */
  group(name: string): Fields {
    const value = this.#checked<object>(name, "an object", (v) => typeof v === "object");
    return new Fields(value, this.#file, `${this.#path}${name}.`);
  }

  /** A list of objects. */
  groups(name: string): Fields[] {
    const list = this.#checked<unknown[]>(name, "a list", Array.isArray);
    return list.map((value, i) => new Fields(value, this.#file, `${this.#path}${name}[${i}].`));
  }

  /** Numbers with a shape, `{shape, data}`. */
  tensor(name: string, axes?: number): Tensor {
    const wanted = axes === undefined ? "" : ` of ${axes} axes`;
    const fields = this.group(name);
    const { shape, data } = { shape: fields.numbers("shape"), data: fields.numbers("data") };
    const size = shape.reduce((product, length) => product * length, 1);
    if (size !== data.length || (axes !== undefined && shape.length !== axes)) {
      throw new DataError(
        this.#file,
        `'${this.#path}${name}' must be an array${wanted} with as many numbers as its shape says: ` +
          `received shape [${shape.join(", ")}] and ${data.length} numbers`,
      );
    }
    return { shape, data: Float64Array.from(data) };
  }

  /** A list of arrays `{shape, data}`. */
  tensors(name: string, axes?: number): Tensor[] {
    const list = this.#checked<unknown[]>(name, "a list", Array.isArray);
    return list.map((value, i) =>
      new Fields({ [`${name}[${i}]`]: value }, this.#file, this.#path).tensor(`${name}[${i}]`, axes)
    );
  }

  #checked<T>(name: string, expectation: string, test: (value: unknown) => boolean): T {
    const value = this.has(name) ? this.#values[name] : undefined;
    if (value === undefined || !test(value)) {
      throw new DataError(
        this.#file,
        `'${this.#path}${name}' must be ${expectation}: received ${shown(value)}`,
      );
    }
    return value as T;
  }
}

/**
 * The object in a JSON text.
 *
 * @throws {DataError} When the text is no JSON, or holds no object.
 */
export function parseFields(file: string, text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DataError(file, `it is not JSON: ${(error as Error).message}`, { cause: error });
  }
  return new Fields(value, file);
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value);
}

/** At most a line of any value. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
