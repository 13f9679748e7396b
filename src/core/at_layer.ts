/**
 * Which layer it was that a backend could not serve, and giving back what was made before it.
 *
 * @module
 */

import { BackendError } from "./errors.ts";

/**
 * Runs what is done for one layer. A `BackendError` from inside, such as a matrix larger than the device
 * can hold or bind, names the layer; where one is named already, that is the closer one and stays.
 *
 * @param layer Name of the layer: `"dense1"`.
 */
export function atLayer<T>(layer: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof BackendError) || error.layer !== undefined) throw error;
    throw new BackendError(error.backend, error.reason, { cause: error, layer });
  }
}

/**
 * What an optimizer keeps for each parameter, made in order. When one cannot be made, the error names its
 * layer and those before it are disposed.
 */
export function madeForEach<T extends Disposable>(
  parameters: readonly { readonly name: string }[],
  make: (index: number) => T,
): T[] {
  const made: T[] = [];
  try {
    parameters.forEach(({ name }, index) => made.push(atLayer(name, () => make(index))));
  } catch (error) {
    for (const thing of made) thing[Symbol.dispose]();
    throw error;
  }
  return made;
}
