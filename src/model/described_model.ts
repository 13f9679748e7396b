/**
 * A model and what is to be kept with it.
 *
 * @module
 */

import type { Standardization } from "../data/normalized.ts";
import { channelsOf } from "../nn/example_shape.ts";
import { ModelObjective } from "../nn/model_objective.ts";
import type { Sequential } from "../nn/sequential.ts";
import {
  checkDescription,
  type ModelDescription,
  type OutputKind,
  outputsOf,
} from "./description.ts";
import { KeptModel } from "./kept_model.ts";

/** What a model's inputs and outputs are. */
export interface DescribeOptions {
  /** Names of the classes, in the order of the outputs; two, "no" first, for one sigmoid output. @default {none} */
  readonly labels?: readonly string[];
  /** How the data were standardized, as `standardized(...)` of `data` says. @default {not at all} */
  readonly standardization?: Standardization;
  /** What outputs are. @default {what the loss says; `"softmax"` with labels; else `"numbers"`} */
  readonly outputs?: OutputKind;
}

/**
 * The layers of whatever holds a model, and what it or the options say of them.
 *
 * @throws {OptionError} When that does not fit the model.
 */
export function describedModel(
  subject: string,
  source: Sequential | ModelObjective | KeptModel,
  options: DescribeOptions,
): { readonly model: Sequential; readonly description: ModelDescription } {
  const model = source instanceof ModelObjective || source instanceof KeptModel
    ? source.model
    : source;
  const known = source instanceof KeptModel ? source.description : undefined;
  const lossKind = source instanceof ModelObjective ? source.loss.kind : undefined;
  const { labels = known?.labels, standardization = known?.standardization } = options;
  const outputs = options.outputs ?? known?.outputs ?? outputsOf(lossKind, labels);
  const description: ModelDescription = { outputs, labels, standardization };
  checkDescription(subject, description, {
    outputs: channelsOf(model.output),
    channels: channelsOf(model.input),
  });
  return { model, description };
}
