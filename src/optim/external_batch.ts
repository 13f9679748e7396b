/**
 * What a model outside this library hands over in a step, and the checks that stand between it and
 * the kernels.
 *
 * @module
 */

import { DataError, ShapeError } from "../core/errors.ts";
import { checkUses, type ExternalUse, usesOf } from "./external_capture.ts";
import { checkNumbers, checkSize, type Numbers, sizeOf } from "./external_numbers.ts";
import type { ExternalParameter } from "./external_parameter.ts";

/** One batch of a model that lives elsewhere, after its backward pass. */
export interface ExternalBatch {
  /** N, at least 1. */
  readonly examples: number;
  /** The mean loss, or the loss of each example, [1, N]. */
  readonly loss: number | Numbers;
  /**
   * By name of the parameter, an array where it was used several times; then its gradient and curvature are those of
   * the sum over the uses. A gradient-only optimizer needs none.
   */
  readonly captures?: Readonly<Record<string, ExternalUse | readonly ExternalUse[]>>;
  /**
   * Gradients of the mean loss by name of the parameter, shaped like it. Where one is missing it is
   * computed from the capture; parameters without captures must hand over theirs.
   */
  readonly gradients?: Readonly<Record<string, Numbers>>;
  /**
   * Output gradients for targets drawn from the model's own prediction, by name of the parameter. Only
   * asked for by the Monte-Carlo Fisher, which knows no parameter of several uses; inputs are those of the captures.
   */
  readonly sampledOutputGradients?: Readonly<Record<string, Numbers>>;
}

/**
 * Checks a batch before anything of it is used.
 *
 * @returns N.
 * @throws {ShapeError} When something is missing or has another size.
 * @throws {DataError} When there is no example, a name is unknown, or a number is NaN or infinite.
 */
export function checkBatch(batch: ExternalBatch, parameters: readonly ExternalParameter[]): number {
  const { examples, loss, captures = {}, gradients = {}, sampledOutputGradients = {} } = batch;
  if (!Number.isInteger(examples) || examples < 1) {
    throw new DataError("batch", `examples must be an integer >= 1: received ${examples}`);
  }
  // Whether a loss is finite is for the step to judge, as for every model.
  if (typeof loss !== "number") checkSize("the losses", loss, [1, examples]);
  const known = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  for (const group of [captures, gradients, sampledOutputGradients]) {
    const unknown = Object.keys(group).find((name) => !known.has(name));
    if (unknown === undefined) continue;
    const names = [...known.keys()].join(", ");
    throw new DataError("batch", `'${unknown}' is no parameter of this model (${names})`);
  }
  for (const parameter of parameters) {
    const { name, shape } = parameter;
    const uses = usesOf(captures[name]);
    checkUses(parameter, uses, examples);
    const sampled = sampledOutputGradients[name];
    if (sampled !== undefined && uses.length === 1 && "outputGradients" in uses[0]) {
      const size = sizeOf(uses[0].outputGradients),
        cols = "tokens" in uses[0] ? shape[1] : shape[0];
      checkNumbers(`sampled output gradients of '${name}'`, sampled, [size / cols, cols]);
    }
    // NaN in a gradient is the step's to judge: it names the layer and cancels what has to be.
    if (gradients[name] !== undefined) checkSize(`gradient of '${name}'`, gradients[name], shape);
    else if (uses.length === 0) {
      const expected = mayLeaveCaptures(parameter)
        ? `a capture or a gradient of '${name}'`
        : `a gradient of '${name}', whose layer kind is '${parameter.layer.kind}'`;
      throw new ShapeError("Cannot use a batch", expected, "none");
    }
  }
  return examples;
}

function mayLeaveCaptures({ layer: { kind } }: ExternalParameter): boolean {
  return kind !== "other" && kind !== "normalization";
}
