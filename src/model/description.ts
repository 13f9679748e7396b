/**
 * What a kept model says about itself besides its layers and weights.
 *
 * @module
 */

import { DataError, OptionError } from "../core/errors.ts";
import { isRecord } from "../core/schema.ts";
import { checkNormalization, type Normalization } from "../data/normalization.ts";
import type { Standardization } from "../data/normalized.ts";

/** What a model's outputs are: logits of one class among K, logits of K yes-or-no questions, or numbers. */
export type OutputKind = "softmax" | "sigmoid" | "numbers";

/** What is kept with the weights. */
export interface ModelDescription {
  /** What outputs are. */
  readonly outputs: OutputKind;
  /** Names of the K classes, or of "no" and "yes" where there is one sigmoid output. */
  readonly labels?: readonly string[] | undefined;
  /** How inputs were standardized, and targets that are numbers. */
  readonly standardization?: Standardization | undefined;
}

/** Kinds of outputs by the loss they were trained with. */
const BY_LOSS: Readonly<Record<string, OutputKind>> = {
  softmaxCrossEntropy: "softmax",
  sigmoidCrossEntropy: "sigmoid",
};

/** What outputs are where nobody says so. */
export function outputsOf(lossKind: string | undefined, labels: unknown): OutputKind {
  if (lossKind !== undefined) return BY_LOSS[lossKind] ?? "numbers";
  return labels === undefined ? "numbers" : "softmax";
}

/** Outputs that are numbers per example and channels of inputs, which a description has to fit. */
export interface ModelSizes {
  /** K. */
  readonly outputs: number;
  /** Channels or columns of an input. */
  readonly channels: number;
}

/**
 * Checks that labels and standardization fit a model.
 *
 * @throws {OptionError} When they do not.
 */
export function checkDescription(
  subject: string,
  description: ModelDescription,
  sizes: ModelSizes,
): void {
  const { outputs, labels, standardization } = description;
  if (!["softmax", "sigmoid", "numbers"].includes(outputs)) {
    throw new OptionError(subject, "outputs", "must be 'softmax', 'sigmoid' or 'numbers'", outputs);
  }
  if (labels !== undefined) {
    const count = outputs === "sigmoid" && sizes.outputs === 1 ? 2 : sizes.outputs;
    const texts = Array.isArray(labels) && labels.every((label) => typeof label === "string");
    if (!texts || labels.length !== count) {
      throw new OptionError(subject, "labels", `must be ${count} texts, one per class`, labels);
    }
    if (outputs === "numbers") {
      throw new OptionError(
        subject,
        "labels",
        "must be left out where outputs are numbers",
        labels,
      );
    }
  }
  if (standardization === undefined) return;
  const { inputs, targets } = standardization;
  checkPart(subject, "standardization.inputs", inputs, sizes.channels);
  if (targets === undefined) return;
  if (outputs !== "numbers") {
    const expectation = "must be left out where outputs are of classes";
    throw new OptionError(subject, "standardization.targets", expectation, targets);
  }
  checkPart(subject, "standardization.targets", targets, sizes.outputs);
}

function checkPart(subject: string, option: string, part: unknown, channels: number): void {
  const expectation = `must have ${channels} finite means and ${channels} deviations > 0`;
  const { mean, deviation } = isRecord(part) ? part as Partial<Normalization> : {};
  if (!Array.isArray(mean) || !Array.isArray(deviation)) {
    throw new OptionError(subject, option, expectation, part);
  }
  try {
    checkNormalization(option, { mean, deviation }, channels);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new OptionError(subject, option, expectation, part);
  }
}
