/**
 * Curvature as a file: safetensors with a digest, as checkpoints are.
 *
 * @module
 */

import { checkArrays, checkFinite } from "../core/array_checks.ts";
import { DataError, StateError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import { isTrainable } from "../core/parameter.ts";
import { decodeSafetensors, encodeSafetensors, hasDigest } from "../core/safetensors.ts";
import { isRecord } from "../core/schema.ts";
import type { Block } from "../curvature/blocks/block.ts";
import { checkObjective, type Objective } from "../optim/objective.ts";
import { Curvature, type CurvatureFacts } from "./curvature.ts";
import { eigenvaluesOf } from "./curvature_of.ts";
import { blockFor, resolveSettings } from "./curvature_options.ts";
import { checkFingerprint, fingerprintOf } from "./fingerprint.ts";
import { isNames } from "./names.ts";

/** What is written. */
const FORMAT = "tekfac curvature v1";

/** What messages call the file. */
const SOURCE = "curvature";

/**
 * The bytes of a safetensors file with all of a curvature, a fingerprint of its model and a digest of themselves.
 * The weights are not in it.
 *
 * @param curvature Stays as it is.
 * @throws {StateError} When a number of it is not finite.
 *
 * @example Kept, and used again with the same weights
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { curvatureOf, loadCurvature, saveCurvature } from "@tekfac/tekfac/analysis";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 * const goal = objective(model, squaredError());
 * using curvature = await curvatureOf(goal, { inputs: [1, 2, 3, 5], targets: [1, 2] });
 * const bytes = await saveCurvature(curvature);
 * using again = await loadCurvature(goal, bytes);
 * assert.equal(again.trace(), curvature.trace());
 *
 * backend.axpby(model.parameters[0].value, 2, model.parameters[0].value, 0);
 * await assert.rejects(() => loadCurvature(goal, bytes), /other weights/);
 * ```
 */
export async function saveCurvature<B>(
  { backend, layers, facts }: Curvature<B>,
): Promise<Uint8Array> {
  const matrices = matricesOf(layers.map(({ block }) => block));
  const arrays = await backend.reading(async () => {
    const entries = Object.entries(matrices).map(async ([name, matrix]) => {
      const shape = [matrix.rows, matrix.cols];
      return [name, { shape, data: await backend.read(matrix) }] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  });
  checkFinite("Cannot save a curvature", arrays);
  const metadata = {
    "tekfac.format": FORMAT,
    "tekfac.curvature": JSON.stringify({ ...facts, layers: layers.map(({ name }) => name) }),
  };
  return encodeSafetensors({ arrays, metadata });
}

/**
 * A curvature from a file, for the model that it was fitted to, on any backend.
 *
 * @param objective The model with its loss, with the weights that it had then. Not owned.
 * @param bytes From {@linkcode saveCurvature}.
 * @returns The curvature; the caller disposes it, before the model.
 * @throws {DataError} When the bytes are not such a file, or damaged.
 * @throws {StateError} When it is of another architecture or of other weights, was written by a later version, or
 * holds a number that is not finite. Nothing stays allocated then.
 */
export async function loadCurvature<B>(
  objective: Objective<B>,
  bytes: Uint8Array,
): Promise<Curvature<B>> {
  const subject = "Cannot load a curvature";
  checkObjective(subject, objective);
  const { arrays, metadata } = decodeSafetensors(bytes, SOURCE);
  const said = metadata["tekfac.format"];
  if (said !== FORMAT) {
    throw new StateError(`${subject}: expected format '${FORMAT}', received '${said}'`);
  }
  if (!hasDigest(bytes)) throw new DataError(SOURCE, "its digest is missing; the file is damaged");
  checkFinite(subject, arrays);
  const { layers, ...facts } = factsOf(metadata["tekfac.curvature"]);
  checkFingerprint(subject, facts.fingerprint, await fingerprintOf(objective));
  const settings = resolveSettings(subject, objective, facts.settings);
  const parameters = objective.parameters.filter((p) => isTrainable(p) && layers.includes(p.name));
  if (parameters.length !== layers.length) {
    throw new StateError(
      `${subject}: expected layers ${layers.join(", ")} to be there and not frozen, received ` +
        parameters.map(({ name }) => name).join(", "),
    );
  }
  const blocks: Block[] = [];
  try {
    for (const parameter of parameters) blocks.push(blockFor(objective, parameter, settings));
    const matrices = matricesOf(blocks);
    checkArrays(subject, objective.backend, matrices, arrays);
    for (const [name, matrix] of Object.entries(matrices)) {
      objective.backend.write(matrix, arrays[name].data);
    }
    objective.backend.scope(() => {
      for (const block of blocks) block.restored?.({ solved: true, measured: true });
    });
    const eigenvalues = await eigenvaluesOf(objective, blocks);
    return new Curvature(objective, blocks, eigenvalues, { ...facts, settings });
  } catch (error) {
    for (const block of blocks) block[Symbol.dispose]();
    throw error;
  }
}

/** Every matrix of some blocks by its name in the file. */
function matricesOf(blocks: readonly Block[]): Record<string, Matrix> {
  return Object.fromEntries(
    blocks.flatMap(({ parameter, state }) =>
      Object.entries(state).map(([name, matrix]) => [`${parameter.name}.${name}`, matrix])
    ),
  );
}

/** @throws {DataError} When what the file says of itself is damaged. */
function factsOf(
  text: string | undefined,
): CurvatureFacts & { readonly layers: readonly string[] } {
  const facts = parsed(text);
  const { fingerprint, settings, examples, loss, layers, leftOut } = facts;
  const whole = isRecord(fingerprint) && typeof fingerprint["architecture"] === "string" &&
    typeof fingerprint["weights"] === "string" && isRecord(settings) && isNames(layers) &&
    isNames(leftOut) && Number.isInteger(examples) && Number.isFinite(loss);
  if (whole) return facts as unknown as ReturnType<typeof factsOf>;
  throw new DataError(SOURCE, "what it says of itself is missing or damaged");
}

function parsed(text: string | undefined): Record<string, unknown> {
  try {
    const facts: unknown = JSON.parse(text ?? "");
    return isRecord(facts) ? facts : {};
  } catch {
    return {};
  }
}
