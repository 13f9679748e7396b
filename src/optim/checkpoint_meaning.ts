/**
 * What the numbers of a checkpoint are of: equal names and shapes do not say that yet.
 *
 * @module
 */

import { DataError, StateError } from "../core/errors.ts";
import { isRecord } from "../core/schema.ts";
import type { CheckpointFile } from "./checkpoint_file.ts";
import type { Objective } from "./objective.ts";

/** What of an optimizer says what its state is of. */
interface Meant {
  readonly objective: Pick<Objective<never>, "model" | "loss">;
  readonly options: object;
}

/** Options that the state is not independent of, besides those that other matrices show. */
const OPTIONS: Readonly<Record<string, (options: Readonly<Record<string, unknown>>) => unknown>> = {
  "momentum.on": ({ momentum }) => onOf(momentum),
  "groups.momentum.on": ({ groups }) =>
    Array.isArray(groups)
      ? groups.filter((group) => isRecord(group) && "momentum" in group).map((g) =>
        onOf(g.momentum)
      )
      : undefined,
  "fisher.kind": ({ fisher }) => isRecord(fisher) ? fisher["kind"] : fisher,
  averaging: ({ averaging }) => averaging,
  eigenvaluesFrom: ({ eigenvaluesFrom }) => eigenvaluesFrom,
  // The factor that is adapted is one of the damping that is said.
  damping: ({ damping, dampingAdaptation }) => dampingAdaptation ? damping : undefined,
};

/** What a momentum is on; `false` without one. */
function onOf(momentum: unknown): unknown {
  return isRecord(momentum) ? momentum["on"] : momentum;
}

/** The text that a checkpoint keeps of it. */
export function meaningOf({ objective, options }: Meant): Record<string, string> {
  const architecture = objective.model?.architecture, lossKind = objective.loss?.kind;
  return {
    "tekfac.options": optionText(options),
    ...(architecture === undefined ? {} : { "tekfac.architecture": architecture }),
    ...(lossKind === undefined ? {} : { "tekfac.loss": lossKind }),
  };
}

/**
 * Compares a file with what is to go on from it. What one of the two does not say is not compared.
 *
 * @throws {StateError} Names the first difference.
 * @throws {DataError} When the file's options are damaged.
 */
export function checkMeaning(subject: string, meant: Meant, { metadata }: CheckpointFile): void {
  const { model, loss } = meant.objective;
  checkArchitecture(subject, model?.architecture, metadata["tekfac.architecture"]);
  checkSame(subject, "loss", loss?.kind, metadata["tekfac.loss"]);
  const own = parsed(optionText(meant.options)), saved = parsed(metadata["tekfac.options"] ?? "{}");
  for (const [name, read] of Object.entries(OPTIONS)) {
    checkSame(subject, `option '${name}'`, JSON.stringify(read(own)), JSON.stringify(read(saved)));
  }
}

/**
 * Compares what two models are made of, where both are known.
 *
 * @throws {StateError} Names the first layer that differs.
 */
export function checkArchitecture(
  subject: string,
  own: string | undefined,
  saved: string | undefined,
): void {
  if (own === undefined || saved === undefined || own === saved) return;
  const [expected, received] = [own, saved].map(partsOf);
  const at = expected.findIndex((part, index) => part !== received[index]);
  const place = at < 0 ? expected.length : at;
  const what = place === 0 ? "an input of shape" : `layer ${place} of the model to be`;
  checkSame(subject, what, expected[place] ?? "missing", received[place] ?? "none");
}

/** The input, then each layer, as JSON. */
function partsOf(architecture: string): string[] {
  const { input, layers } = parsed(architecture);
  return [input, ...Array.isArray(layers) ? layers : []].map((part) => JSON.stringify(part) ?? "");
}

function checkSame(
  subject: string,
  what: string,
  own: string | undefined,
  saved: string | undefined,
): void {
  if (own === undefined || saved === undefined || own === saved) return;
  throw new StateError(`${subject}: expected ${what} ${own}, received ${saved}`);
}

function optionText(options: object): string {
  return JSON.stringify(
    options,
    (_, value) => typeof value === "function" ? "(a function)" : value,
  );
}

function parsed(text: string): Record<string, unknown> {
  try {
    const options: unknown = JSON.parse(text);
    if (isRecord(options)) return options;
  } catch {
    // Told below.
  }
  throw new DataError("checkpoint", "what it says of its options or architecture is damaged");
}
