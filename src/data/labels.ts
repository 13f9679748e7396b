/**
 * Class labels in as few bytes as they need.
 *
 * @module
 */

/** Labels, integers in [0, classes). */
export type Labels = Uint8Array | Uint16Array;

/** Most classes that a data set can tell apart. */
export const MOST_CLASSES = 65_536;

/** Room for labels below `classes`. */
export function labelsOf(labels: ArrayLike<number>, classes: number): Labels {
  return classes <= 256 ? Uint8Array.from(labels) : Uint16Array.from(labels);
}
