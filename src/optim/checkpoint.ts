/**
 * Saving and resuming: one safetensors file keyed by parameter name. A resumed run equals one that was
 * never interrupted, to the last bit on the same backend.
 *
 * Weights, gradients' averages and factors of convolutions are kept in the stored feature order (kernel
 * row, kernel column, channel; bias last), which the metadata says.
 *
 * @module
 */

import { StateError } from "../core/errors.ts";
import type { Optimizer } from "./optimizer.ts";
import { type Progress, resume, settledProgress } from "./progress.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";
import { stateMatrices } from "./state_matrices.ts";

/** What a checkpoint says in words. */
export interface CheckpointInfo {
  /** Name of the optimizer: `"tekfac"`. */
  readonly method: string;
  /** Steps taken. */
  readonly step: number;
  /** The caller's own notes, as given to {@linkcode saveState}. */
  readonly extra: Readonly<Record<string, string>>;
}

const format = "tekfac checkpoint 1";

/**
 * The whole state of a model and its optimizer: weights, running statistics, velocities, factors, bases,
 * eigenvalues, counters, random state; options as text for the reader.
 *
 * @param optimizer Whose state.
 * @param extra Notes of the caller's own: epoch, seed, settings. Keys must not begin with `tekfac.`.
 * @returns The bytes of a safetensors file.
 * @throws {StateError} When a number of the state is not finite.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, loadState, objective, saveState, sequential, squaredError, tekfac }
 *   from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 * using optimizer = tekfac(objective(model, squaredError()));
 * const batch = { inputs: [1, 2, 3, 5], targets: [1, 2] };
 * optimizer.stepSync(batch);
 * const bytes = await saveState(optimizer, { note: "after one step" });
 * const { loss } = optimizer.stepSync(batch);
 * assert.equal(loadState(optimizer, bytes).extra.note, "after one step");
 * assert.equal(optimizer.stepSync(batch).loss, loss);
 * ```
 */
export async function saveState<B>(
  optimizer: Optimizer<B>,
  extra: Readonly<Record<string, string>> = {},
): Promise<Uint8Array> {
  const { objective: { backend } } = optimizer;
  const { progress, arrays } = await backend.reading(async () => {
    // With nothing under way, which is where a resumed run starts.
    const progress = settledProgress(optimizer);
    const entries = Object.entries(stateMatrices(optimizer)).map(async ([name, matrix]) => {
      const { rows, cols } = matrix;
      return [name, { shape: [rows, cols], data: await backend.read(matrix) }] as const;
    });
    return { progress, arrays: Object.fromEntries(await Promise.all(entries)) };
  });
  checkFinite("Cannot save a checkpoint", arrays);
  return encodeSafetensors({
    arrays,
    metadata: {
      ...extra,
      "tekfac.format": format,
      "tekfac.method": optimizer.method,
      "tekfac.progress": JSON.stringify(progress),
      "tekfac.options": JSON.stringify(
        optimizer.options,
        (_, value) => typeof value === "function" ? "(a function)" : value,
      ),
      "tekfac.featureOrder": "kernel row, kernel column, channel; bias last",
    },
  });
}

/**
 * Continues from a checkpoint: overwrites the weights of the optimizer's model and all its state. The
 * optimizer must have been made for an equal model with the same method; its options stay its own.
 *
 * @param optimizer What to overwrite.
 * @param bytes From {@linkcode saveState}.
 * @throws {DataError} When the bytes are not a safetensors file.
 * @throws {StateError} When they belong to another method or model, or a number is not finite. Nothing is changed
 * then.
 */
export function loadState<B>(optimizer: Optimizer<B>, bytes: Uint8Array): CheckpointInfo {
  const { arrays, metadata } = decodeSafetensors(bytes, "checkpoint");
  const subject = "Cannot load a checkpoint";
  if (metadata["tekfac.format"] !== format) {
    throw new StateError(
      `${subject}: expected format '${format}', received '${metadata["tekfac.format"]}'`,
    );
  }
  const method = metadata["tekfac.method"];
  if (method !== optimizer.method) {
    throw new StateError(`${subject}: expected method '${optimizer.method}', received '${method}'`);
  }
  const matrices = stateMatrices(optimizer);
  for (const [name, { rows, cols }] of Object.entries(matrices)) {
    const shape = arrays[name]?.shape.join(", ");
    if (shape !== `${rows}, ${cols}`) {
      throw new StateError(
        `${subject}: expected '${name}' of shape [${rows}, ${cols}], received ` +
          `${shape === undefined ? "none" : `[${shape}]`}; was it saved from another model?`,
      );
    }
  }
  const unknown = Object.keys(arrays).find((name) => !(name in matrices));
  if (unknown !== undefined) {
    throw new StateError(`${subject}: '${unknown}' belongs to no part of this model or optimizer`);
  }
  checkFinite(subject, arrays);
  optimizer.rules.average?.checkOutside(subject);
  const progress = JSON.parse(metadata["tekfac.progress"]) as Progress;
  resume(optimizer, progress);
  for (const [name, matrix] of Object.entries(matrices)) {
    optimizer.objective.backend.write(matrix, arrays[name].data);
  }
  const extra = Object.fromEntries(
    Object.entries(metadata).filter(([key]) => !key.startsWith("tekfac.")),
  );
  return { method, step: progress.step, extra };
}

/** What could not be resumed is neither saved nor loaded. */
function checkFinite(
  subject: string,
  arrays: Readonly<Record<string, { readonly data: ArrayLike<number> }>>,
): void {
  for (const [name, { data }] of Object.entries(arrays)) {
    const bad = Array.prototype.findIndex.call(data, (number) => !Number.isFinite(number));
    if (bad < 0) continue;
    throw new StateError(
      `${subject}: expected finite numbers in '${name}', received ${data[bad]} at ${bad}`,
    );
  }
}
