/**
 * Trees of parameters of jax-js.
 *
 * @module
 */

import { Array as ArrayOfJax } from "npm:@jax-js/jax@0.1.25";
import { StateError } from "../../core/errors.ts";

/** An array of jax-js, under a name that does not hide JavaScript's own. */
export type JaxArray = (typeof import("npm:@jax-js/jax@0.1.25"))["Array"]["prototype"];

/** The version that the tests run with; jax-js itself does not tell which one it is. */
export const TESTED_VERSION = "0.1.25";

/** Parameters: arrays in objects in objects. Those of a layer are `{ w, b }`, or `{ w }` without bias. */
export interface JaxParams {
  /** An array, or a part of the model with arrays of its own. */
  readonly [name: string]: JaxArray | JaxParams;
}

/** All arrays of a tree by path: `"dense1.w"`. */
export function arraysOf(tree: JaxParams, prefix = ""): Map<string, JaxArray> {
  const found = new Map<string, JaxArray>();
  for (const [key, value] of Object.entries(tree)) {
    const path = prefix + key;
    if (value instanceof ArrayOfJax) found.set(path, value);
    else if (isTree(value)) {
      arraysOf(value, `${path}.`).forEach((array, at) => found.set(at, array));
    } else {
      throw new StateError(
        `Cannot use '${path}': expected an array of @jax-js/jax ${TESTED_VERSION}, with which this ` +
          "adapter is tested; what came is none, or belongs to another version or copy of the package: " +
          "import the same one everywhere",
      );
    }
  }
  return found;
}

/** A tree of the same form with other arrays. */
export function rebuilt<P extends JaxParams>(
  tree: P,
  arrays: ReadonlyMap<string, JaxArray>,
  prefix = "",
): P {
  const entries = Object.entries(tree).map(([key, value]) => {
    const path = prefix + key;
    return [key, arrays.get(path) ?? rebuilt(value as JaxParams, arrays, `${path}.`)];
  });
  return Object.fromEntries(entries) as P;
}

/** A plain object; arrays of any package have a class. */
function isTree(value: unknown): value is JaxParams {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}
