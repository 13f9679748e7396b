/**
 * A model as one file.
 *
 * @module
 */

import { checkFinite } from "../core/array_checks.ts";
import { OptionError, StateError } from "../core/errors.ts";
import { checkKnownKeys } from "../core/options.ts";
import { encodeSafetensors } from "../core/safetensors.ts";
import type { Architecture } from "../nn/architecture.ts";
import { isDescribable } from "../nn/layers_from.ts";
import type { ModelObjective } from "../nn/model_objective.ts";
import type { Sequential } from "../nn/sequential.ts";
import { describedModel, type DescribeOptions } from "./described_model.ts";
import type { KeptModel } from "./kept_model.ts";
import { MODEL_FORMAT } from "./model_file.ts";

/** What is kept with a model. */
export interface SaveModelOptions extends DescribeOptions {
  /** Notes of the caller's own, as text; names must not begin with `tekfac.`. @default {none} */
  readonly extra?: Readonly<Record<string, string>>;
}

/**
 * A safetensors file of a model: its layers, weights and running moments, labels and standardization, with a digest
 * of all. `loadModel` needs nothing else to predict. How weights were drawn and what is frozen is not kept.
 *
 * @param source A model, one joined with its loss by `objective`, which says what outputs are, or one that was kept.
 * @throws {OptionError} When an option is unknown, or does not fit the model.
 * @throws {StateError} When a layer cannot be described (a custom one), or a weight is not finite.
 */
export async function saveModel(
  source: Sequential | ModelObjective | KeptModel,
  options: SaveModelOptions = {},
): Promise<Uint8Array> {
  const subject = "Cannot save a model";
  checkKnownKeys(subject, options, ["labels", "standardization", "outputs", "extra"]);
  const { extra = {}, ...rest } = options;
  const { model, description } = describedModel(subject, source, rest);
  for (const [name, value] of Object.entries<unknown>(extra)) {
    if (typeof value === "string" && !name.startsWith("tekfac.")) continue;
    throw new OptionError(subject, `extra.${name}`, "must be text under a name of your own", value);
  }
  const architecture = architectureOf(subject, model);
  const arrays = await arraysOf(model);
  checkFinite(subject, arrays);
  return encodeSafetensors({
    arrays,
    metadata: {
      ...extra,
      "tekfac.format": MODEL_FORMAT,
      "tekfac.architecture": architecture,
      "tekfac.description": JSON.stringify(description),
      "tekfac.featureOrder": "kernel row, kernel column, channel; bias last",
    },
  });
}

function architectureOf(subject: string, { architecture }: Sequential): string {
  const { layers }: Partial<Architecture> = JSON.parse(architecture ?? "{}");
  const custom = layers?.find((layer) => !isDescribable(layer));
  if (architecture !== undefined && custom === undefined) return architecture;
  throw new StateError(
    `${subject}: layer '${custom?.kind}' cannot be made again from a description; ` +
      "keep the weights with saveState() and the code of the layer",
  );
}

async function arraysOf({ backend, parameters, state }: Sequential) {
  const weights = parameters.map(({ name, value }) => [`${name}.weights`, value] as const);
  const all = [...weights, ...Object.entries(state)];
  const read = () =>
    Promise.all(all.map(async ([name, matrix]) => {
      const shape = [matrix.rows, matrix.cols];
      return [name, { shape, data: await backend.read(matrix) }] as const;
    }));
  return Object.fromEntries(await backend.reading(read));
}
