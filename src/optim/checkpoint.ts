/**
 * Saving and resuming: one safetensors file keyed by parameter name. A resumed run equals one that was
 * never interrupted, to the last bit on the same backend.
 *
 * Weights, gradients' averages and factors of convolutions are kept in the stored feature order (kernel
 * row, kernel column, channel; bias last), which the metadata says.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { checkArrays, checkFinite } from "../core/array_checks.ts";
import { OptionError, StateError } from "../core/errors.ts";
import { isAway } from "../core/away.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import { encodeSafetensors } from "../core/safetensors.ts";
import { type CheckpointFile, FORMAT, readCheckpoint } from "./checkpoint_file.ts";
import { checkArchitecture, checkMeaning, meaningOf } from "./checkpoint_meaning.ts";
import type { Counters } from "./counters.ts";
import { gatherCurvature } from "./gathered_curvature.ts";
import type { Optimizer } from "./optimizer.ts";
import { checkProgress, type Progress, resume, settledProgress } from "./progress.ts";
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

/**
 * The whole state of a model and its optimizer: weights, running statistics, velocities, factors, bases,
 * eigenvalues, counters, random state; options as text for the reader.
 *
 * @param optimizer Whose state.
 * Observes and does not disturb: a run that saves equals one that does not, to the last bit. The state is that of
 * the moment of the call; steps may go on before the bytes are there. Where ranks of a group keep different curvature
 * (`workerFraction` < 1), all ranks call it together, and get the same state.
 *
 * @param extra Notes of the caller's own: epoch, seed, settings. Text; names must not begin with `tekfac.`.
 * @returns The bytes of a safetensors file, with a digest of themselves.
 * @throws {OptionError} When a note is not text, or has a name that is taken.
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
  checkExtra(extra);
  const { objective: { backend } } = optimizer;
  const read = async () => {
    const progress = settledProgress(optimizer);
    const matrices = matricesOf(optimizer, progress.counters);
    const { parted } = optimizer.preconditioner;
    if (parted !== undefined) return gathered(backend, parted, matrices, progress);
    const entries = Object.entries(matrices).map(async ([name, matrix]) => {
      const { rows, cols } = matrix;
      return [name, { shape: [rows, cols], data: await backend.read(matrix) }] as const;
    });
    const standing = optimizer.gate.stand();
    const arrays = Object.fromEntries(await Promise.all(entries));
    return await standing ? { progress, arrays } : undefined;
  };
  // Where a step was refused that seemed to be taken, things stand otherwise now.
  const { progress, arrays } = await backend.reading(async () => {
    for (;;) {
      const state = await read();
      if (state !== undefined) return state;
    }
  });
  checkFinite("Cannot save a checkpoint", arrays);
  return encodeSafetensors({
    arrays,
    metadata: {
      ...extra,
      "tekfac.format": FORMAT,
      "tekfac.method": optimizer.method,
      "tekfac.progress": JSON.stringify(progress),
      "tekfac.featureOrder": "kernel row, kernel column, channel; bias last",
      ...meaningOf(optimizer),
    },
  });
}

/**
 * Continues from a checkpoint: overwrites the weights of the optimizer's model and all its state. The optimizer
 * must have been made for an equal model and loss with the same method. Its options stay its own; those that say
 * what the state is of (momentum on gradients or updates, which Fisher, how averages begin, an adapted damping)
 * must be those of the file. For weights alone, or another optimizer, there is {@linkcode loadWeights}.
 *
 * @param optimizer What to overwrite.
 * @param bytes From {@linkcode saveState}.
 * @throws {DataError} When the bytes are not a safetensors file, or damaged.
 * @throws {StateError} When they belong to another method, model, loss or meaning of the state, hold a number that
 * is not finite, or were written by a later version. In each case nothing is changed.
 */
export function loadState<B>(optimizer: Optimizer<B>, bytes: Uint8Array): CheckpointInfo {
  const subject = "Cannot load a checkpoint";
  const file = readCheckpoint(subject, bytes);
  if (file.method !== optimizer.method) {
    throw new StateError(
      `${subject}: expected method '${optimizer.method}', received '${file.method}'; ` +
        "loadWeights() takes the weights alone",
    );
  }
  const { objective } = optimizer;
  checkArrays(subject, objective.backend, weightsOf(objective), file.arrays);
  checkMeaning(subject, optimizer, file);
  const { progress } = file;
  checkProgress(progress, objective);
  const matrices = matricesOf(optimizer, progress.counters);
  checkArrays(subject, objective.backend, matrices, file.arrays);
  const unknown = Object.keys(file.arrays).find((name) => !Object.hasOwn(matrices, name));
  if (unknown !== undefined) {
    throw new StateError(
      `${subject}: '${unknown}' belongs to no part of this model or optimizer; was it saved with ` +
        "other options? loadWeights() takes the weights alone",
    );
  }
  optimizer.rules.average?.checkOutside(subject);
  resume(optimizer, progress, () => writeAll(objective.backend, matrices, file));
  optimizer.gate.restart();
  return infoOf(file, progress.step);
}

/** What has weights: a model, or the objective of an optimizer. */
export interface Weighted {
  /** Where they live. */
  readonly backend: Backend;
  /** The weights. */
  readonly parameters: readonly Parameter[];
  /** What the model remembers besides them, by name. */
  readonly state?: Readonly<Record<string, Matrix>>;
  /** What a model is made of, where it can say so. */
  readonly architecture?: string | undefined;
  /** The model of an objective. */
  readonly model?: { readonly architecture?: string | undefined };
}

/**
 * Takes the weights and running statistics of a checkpoint, and nothing of its optimizer: to predict, or to go on
 * under another optimizer or loss. Which method they were trained with does not matter.
 *
 * @param model What to overwrite: a model, or `optimizer.objective` of an optimizer that has not begun.
 * @param bytes From {@linkcode saveState}.
 * @throws {DataError} When the bytes are not a safetensors file, or damaged.
 * @throws {StateError} When they belong to another model, or a weight is not finite. Nothing is changed then.
 *
 * @example Begun with Adam, continued with TEKFAC
 * ```ts
 * import assert from "node:assert/strict";
 * import { adam, createBackend, dense, objective, saveState, sequential, squaredError, tekfac }
 *   from "@tekfac/tekfac";
 * import { loadWeights } from "@tekfac/tekfac/optim";
 *
 * using backend = await createBackend();
 * const create = (seed: number) => sequential(backend, { input: [2], layers: [dense(1)], seed });
 * using first = create(1);
 * using beginning = adam(objective(first, squaredError()));
 * const batch = { inputs: [1, 2, 3, 5], targets: [1, 2] };
 * beginning.stepSync(batch);
 *
 * using second = create(2);
 * loadWeights(second, await saveState(beginning));
 * using optimizer = tekfac(objective(second, squaredError()));
 * assert.equal(optimizer.stepSync(batch).loss, beginning.stepSync(batch).loss);
 * ```
 */
export function loadWeights(model: Weighted, bytes: Uint8Array): CheckpointInfo {
  const subject = "Cannot load weights";
  const file = readCheckpoint(subject, bytes);
  checkProgress(file.progress, model);
  const architecture = model.architecture ?? model.model?.architecture;
  checkArchitecture(subject, architecture, file.metadata["tekfac.architecture"]);
  const matrices = weightsOf(model);
  checkArrays(subject, model.backend, matrices, file.arrays);
  const foreign = Object.keys(file.arrays).find((name) =>
    name.endsWith(".weights") && !Object.hasOwn(matrices, name)
  );
  if (foreign !== undefined) {
    throw new StateError(`${subject}: '${foreign}' belongs to no layer of this model`);
  }
  writeAll(model.backend, matrices, file);
  return infoOf(file, file.progress.step);
}

function infoOf({ method, extra }: CheckpointFile, step: number): CheckpointInfo {
  return { method, step, extra };
}

function writeAll(
  backend: Backend,
  matrices: Readonly<Record<string, Matrix>>,
  { arrays }: CheckpointFile,
): void {
  for (const [name, matrix] of Object.entries(keptOnly(matrices))) {
    backend.write(matrix, arrays[name].data);
  }
}

/** Those whose numbers this rank keeps. */
function keptOnly(matrices: Readonly<Record<string, Matrix>>): Record<string, Matrix> {
  return Object.fromEntries(Object.entries(matrices).filter(([, matrix]) => !isAway(matrix)));
}

/** The state of a group whose ranks keep different curvature, read at once: all ranks are here now. */
function gathered(
  backend: Backend,
  parted: Parameters<typeof gatherCurvature>[0],
  matrices: Readonly<Record<string, Matrix>>,
  progress: Progress,
) {
  const own = Object.entries(keptOnly(matrices)).map(([name, matrix]) => {
    const { rows, cols } = matrix;
    return [name, { shape: [rows, cols], data: backend.readSync(matrix) }] as const;
  });
  const { counters } = progress;
  const all = gatherCurvature(parted, { arrays: Object.fromEntries(own), counters });
  // In the same order on all ranks.
  const arrays = Object.fromEntries(Object.keys(matrices).map((name) => [name, all.arrays[name]]));
  return { progress: { ...progress, counters: all.counters }, arrays };
}

function weightsOf({ parameters, state = {} }: Weighted): Record<string, Matrix> {
  const weights = parameters.map(({ name, value }) => [`${name}.weights`, value] as const);
  return { ...state, ...Object.fromEntries(weights) };
}

/** Every matrix of a checkpoint by its name in the file, those of work under way, too. */
function matricesOf<B>(optimizer: Optimizer<B>, counters: Counters): Record<string, Matrix> {
  return { ...stateMatrices(optimizer), ...optimizer.preconditioner.underway?.(counters) };
}

function checkExtra(extra: Readonly<Record<string, unknown>>): void {
  const subject = "Cannot save a checkpoint";
  for (const [name, value] of Object.entries(extra)) {
    if (typeof value !== "string") throw new OptionError(subject, name, "must be text", value);
    if (!name.startsWith("tekfac.")) continue;
    throw new OptionError(subject, name, "must not begin with 'tekfac.', which is taken", value);
  }
}
