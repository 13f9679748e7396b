/**
 * Where a target stands, for messages.
 *
 * @module
 */

/**
 * `"target 2 of example 7"`, or `"target 2 of position 3 of example 7"`.
 *
 * @param index Of the target among all.
 * @param each Targets of a prediction.
 * @param positions Predictions of an example.
 */
export function placeOf(index: number, each: number, positions: number): string {
  const prediction = Math.floor(index / each);
  const position = positions === 1 ? "" : `position ${prediction % positions} of `;
  return `target ${index % each} of ${position}example ${Math.floor(prediction / positions)}`;
}
