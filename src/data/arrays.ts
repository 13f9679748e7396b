/**
 * Arrays of any depth as rows of numbers.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";

/** Numbers in a row, typed or not, or rows of such, one for each example. */
export type NumberArray = ArrayLike<number> | readonly NumberArray[];

/** Numbers without their nesting. */
export interface FlatNumbers {
  readonly numbers: Float64Array | Float32Array;
  /** Sizes from the outside in; a single one for a flat array. */
  readonly sizes: readonly number[];
}

/**
 * Takes the nesting off.
 *
 * @param source Where the numbers come from, for messages.
 * @param noun What they are, for messages.
 * @returns A copy; single precision where that is what was given.
 * @throws {DataError} When rows have different lengths, or something is no number; names the row.
 */
export function flatNumbers(source: string, noun: string, values: NumberArray): FlatNumbers {
  if (values instanceof Float32Array) return { numbers: values.slice(), sizes: [values.length] };
  const sizes = sizesOf(values);
  const numbers = new Float64Array(sizes.reduce((product, size) => product * size, 1));
  let place = 0;
  const write = (part: unknown, depth: number, row: number): void => {
    if (depth === sizes.length) {
      if (typeof part !== "number" && part !== null && part !== undefined) {
        const received = typeof part === "string" ? `'${part}'` : typeof part;
        throw new DataError(
          source,
          `expected a number in row ${row} of the ${noun}, received ${received}`,
        );
      }
      numbers[place++] = part ?? NaN;
      return;
    }
    const length = lengthOf(part);
    if (length !== sizes[depth]) {
      throw new DataError(
        source,
        `expected ${sizes[depth]} values in row ${row} of the ${noun}, as in row 0, received ` +
          `${length ?? typeof part}`,
      );
    }
    for (let i = 0; i < length; i++) {
      write((part as ArrayLike<unknown>)[i], depth + 1, depth === 0 ? i : row);
    }
  };
  write(values, 0, 0);
  return { numbers, sizes };
}

/** The sizes that the first entries have. */
function sizesOf(values: unknown): number[] {
  const sizes: number[] = [];
  for (let part = values; lengthOf(part) !== undefined; part = (part as ArrayLike<unknown>)[0]) {
    sizes.push((part as ArrayLike<unknown>).length);
    if ((part as ArrayLike<unknown>).length === 0) break;
  }
  return sizes;
}

function lengthOf(part: unknown): number | undefined {
  if (typeof part !== "object" || part === null) return undefined;
  const { length } = part as { length?: unknown };
  return typeof length === "number" ? length : undefined;
}
