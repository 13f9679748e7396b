/**
 * Which layer it was that a backend could not serve.
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
