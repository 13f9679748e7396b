/**
 * Which model a curvature is of.
 *
 * @module
 */

import { digestOf } from "../core/digest.ts";
import { StateError } from "../core/errors.ts";
import type { Objective } from "../optim/objective.ts";

/** What tells models apart. */
export interface Fingerprint {
  /** What the model is made of: its architecture, or names and shapes of its weights. */
  readonly architecture: string;
  /** A digest of all weights and running statistics, as float32 numbers. */
  readonly weights: string;
}

/** The fingerprint of a model as it is now. */
export async function fingerprintOf<B>(objective: Objective<B>): Promise<Fingerprint> {
  const { backend, parameters, state = {}, model } = objective;
  const matrices = [...parameters.map(({ value }) => value), ...Object.values(state)];
  const arrays = await backend.reading(() =>
    Promise.all(matrices.map((matrix) => backend.read(matrix)))
  );
  const digests = arrays.map((array) => digestOf(new Uint8Array(Float32Array.from(array).buffer)));
  const shapes = parameters.map(({ name, value: { rows, cols } }) => [name, rows, cols]);
  return {
    architecture: model?.architecture ?? JSON.stringify(shapes),
    weights: digestOf(new TextEncoder().encode(digests.join())),
  };
}

/**
 * Checks that a model is the one that a curvature was fitted to.
 *
 * @throws {StateError} Says what differs.
 */
export function checkFingerprint(subject: string, fitted: Fingerprint, model: Fingerprint): void {
  if (fitted.architecture !== model.architecture) {
    throw new StateError(
      `${subject}: expected the curvature of a model of ${model.architecture}, received that of ` +
        `${fitted.architecture}`,
    );
  }
  if (fitted.weights === model.weights) return;
  throw new StateError(
    `${subject}: the curvature was fitted at other weights than the model has now; fit it again, ` +
      "or load the weights that it belongs to",
  );
}
