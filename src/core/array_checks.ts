/**
 * Whether the arrays of a file can be the matrices of what is to be overwritten.
 *
 * @module
 */

import { StateError } from "./errors.ts";
import type { Matrix } from "./matrix.ts";
import type { NamedArray } from "./safetensors.ts";

/**
 * Checks that all numbers are.
 *
 * @throws {StateError} Names the first array that holds another.
 */
export function checkFinite(subject: string, arrays: Readonly<Record<string, NamedArray>>): void {
  for (const [name, { data }] of Object.entries(arrays)) {
    const at = data.findIndex((value) => !Number.isFinite(value));
    if (at < 0) continue;
    throw new StateError(
      `${subject}: expected finite numbers in '${name}', received ${data[at]} at ${at}; ` +
        "go on from an earlier checkpoint, with a smaller learning rate or a larger damping",
    );
  }
}

const FLOAT32_ROUNDOFF = 2 ** -24;

/** Second moments, which are sums of squares. */
const SQUARES = /\.(eigenvalues|secondMoment)$/;

/**
 * Checks that every matrix has an array of its shape that its backend can hold.
 *
 * @throws {StateError} Names the first that has none.
 */
export function checkArrays(
  subject: string,
  backend: { readonly info: { readonly roundoff: number } },
  matrices: Readonly<Record<string, Matrix>>,
  arrays: Readonly<Record<string, NamedArray>>,
): void {
  for (const [name, { rows, cols }] of Object.entries(matrices)) {
    const array = Object.hasOwn(arrays, name) ? arrays[name] : undefined;
    const shape = array?.shape.join(", ");
    if (array === undefined || shape !== `${rows}, ${cols}`) {
      throw new StateError(
        `${subject}: expected '${name}' of shape [${rows}, ${cols}], received ` +
          `${shape === undefined ? "none" : `[${shape}]`}; was it saved from another model?`,
      );
    }
    const { data } = array;
    if (SQUARES.test(name) && data.some((value) => value < 0)) {
      throw new StateError(`${subject}: expected '${name}' to be >= 0, received less`);
    }
    if (data instanceof Float32Array || backend.info.roundoff < FLOAT32_ROUNDOFF) continue;
    if (data.every((value) => Number.isFinite(Math.fround(value)))) continue;
    throw new StateError(`${subject}: '${name}' holds numbers that are too large for float32`);
  }
}
