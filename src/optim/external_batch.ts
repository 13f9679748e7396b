/**
 * What a model outside this library hands over in a step, and the checks that stand between it and
 * the kernels.
 *
 * @module
 */

import { DataError, OptionError, ShapeError } from "../core/errors.ts";
import { locationsOf, patchLength } from "../core/geometry.ts";
import { type Matrix, shapeOf } from "../core/matrix.ts";
import { type LayerKind, leavesCaptures } from "../core/parameter.ts";

/** Numbers row by row, or a matrix of the right shape that already lives on the model's backend. */
export type Numbers = ArrayLike<number> | Matrix;

/** One trainable matrix of a model that lives elsewhere. */
export interface ExternalParameter {
  /** Unique within the model and stable over runs; keys of checkpoints: `"dense1"`. */
  readonly name: string;
  /**
   * The layer it belongs to; `{ kind: "normalization" }` for scales above shifts, `{ kind: "other" }` for
   * anything that is neither that nor dense nor a convolution.
   */
  readonly layer: LayerKind;
  /**
   * [dOut, dIn'] of `[weights | bias]`, the bias column counted. For a convolution `dIn'` is its
   * `patchLength`; a vector of n numbers of kind `other` is [1, n].
   */
  readonly shape: readonly [rows: number, cols: number];
}

/** What one layer saw in a forward and backward pass. N examples, T locations each. */
export interface ExternalCapture {
  /** Inputs without the homogeneous 1, [N, dIn], or channels-last images [N * height * width, channels]. */
  readonly inputs: Numbers;
  /**
   * Gradient of each example's **own** loss with respect to the layer's outputs before their
   * activation, [N * T, dOut]. Where a framework gives gradients of the mean loss, these are N times that.
   */
  readonly outputGradients: Numbers;
}

/** One batch of a model that lives elsewhere, after its backward pass. */
export interface ExternalBatch {
  /** N, at least 1. */
  readonly examples: number;
  /** The mean loss, or the loss of each example, [1, N]. */
  readonly loss: number | Numbers;
  /** By name of the parameter; a gradient-only optimizer needs none. */
  readonly captures?: Readonly<Record<string, ExternalCapture>>;
  /**
   * Gradients of the mean loss by name of the parameter, shaped like it. Where one is missing it is
   * computed from the capture; parameters without captures must hand over theirs.
   */
  readonly gradients?: Readonly<Record<string, Numbers>>;
  /**
   * Output gradients for targets drawn from the model's own prediction, by name of the parameter. Only
   * asked for by the Monte-Carlo Fisher; inputs are those of the captures.
   */
  readonly sampledOutputGradients?: Readonly<Record<string, Numbers>>;
}

/** Whether numbers are a matrix of a backend. */
export function isMatrix(numbers: Numbers): numbers is Matrix {
  return "storage" in numbers;
}

/** Columns of the inputs that a layer's captures hold, and their rows and those of the outputs per example. */
export function captureLayout(
  { layer, shape: [, cols] }: ExternalParameter,
): { readonly inputs: readonly [number, number]; readonly locations: number } | undefined {
  if (!leavesCaptures(layer)) return undefined;
  if (layer.kind === "dense") return { inputs: [1, cols - (layer.bias ? 1 : 0)], locations: 1 };
  const { geometry } = layer;
  return {
    inputs: [geometry.height * geometry.width, geometry.channels],
    locations: locationsOf(geometry),
  };
}

/**
 * Checks the parameters of a model.
 *
 * @throws {OptionError} On a name that is empty or used twice, or a size that is not an integer >= 1.
 * @throws {ShapeError} When the shape of a convolution does not fit its geometry.
 */
export function checkParameters(parameters: readonly ExternalParameter[]): void {
  const subject = "Cannot create a model";
  const names = new Set<string>();
  for (const { name, layer, shape } of parameters) {
    if (name === "" || names.has(name)) {
      throw new OptionError(subject, "name", "must be unique and not empty", name);
    }
    // Batches are objects by name, and these are in all of them.
    if (name in {}) {
      throw new OptionError(
        subject,
        "name",
        "must not be that of something all objects have",
        name,
      );
    }
    names.add(name);
    const least = layer.kind === "dense" && layer.bias ? 2 : 1;
    const fits = shape.length === 2 && shape.every(Number.isInteger) &&
      shape[0] >= 1 && shape[1] >= least;
    if (!fits) {
      const expectation = `of '${name}' must be two integers, rows >= 1 and columns >= ${least}`;
      throw new OptionError(subject, "shape", expectation, shape);
    }
    if (layer.kind === "conv2d" && shape[1] !== patchLength(layer.geometry)) {
      const expected = `[dOut, ${patchLength(layer.geometry)}] for the patches of its geometry`;
      throw new ShapeError(`${subject}: '${name}'`, expected, `[${shape.join(", ")}]`);
    }
  }
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
    const capture = captures[name];
    const layout = captureLayout(parameter);
    if (capture !== undefined && layout !== undefined) {
      const { inputs: [rows, cols], locations } = layout;
      checkNumbers(`inputs of '${name}'`, capture.inputs, [examples * rows, cols]);
      const outputs = [examples * locations, shape[0]] as const;
      checkNumbers(`output gradients of '${name}'`, capture.outputGradients, outputs);
      const sampled = sampledOutputGradients[name];
      if (sampled !== undefined) {
        checkNumbers(`sampled output gradients of '${name}'`, sampled, outputs);
      }
    }
    // NaN in a gradient is the step's to judge: it names the layer and cancels what has to be.
    if (gradients[name] !== undefined) checkSize(`gradient of '${name}'`, gradients[name], shape);
    else if (capture === undefined || layout === undefined) {
      const expected = layout === undefined
        ? `a gradient of '${name}', whose layer kind is 'other'`
        : `a capture or a gradient of '${name}'`;
      throw new ShapeError("Cannot use a batch", expected, "none");
    }
  }
  return examples;
}

/**
 * Checks that there are as many numbers as a shape holds.
 *
 * @throws {ShapeError} Otherwise.
 */
export function checkSize(what: string, numbers: Numbers, [rows, cols]: readonly number[]): void {
  const fits = isMatrix(numbers)
    ? numbers.rows === rows && numbers.cols === cols
    : numbers.length === rows * cols;
  if (fits) return;
  throw new ShapeError(
    `Cannot use ${what}`,
    `[${rows}, ${cols}] = ${rows * cols} numbers`,
    isMatrix(numbers) ? shapeOf(numbers) : `${numbers.length}`,
  );
}

/** The same, and that numbers of the host are finite. */
function checkNumbers(what: string, numbers: Numbers, shape: readonly number[]): void {
  checkSize(what, numbers, shape);
  if (isMatrix(numbers)) return;
  // 0 * x is 0 for finite x and NaN otherwise: one branch for all.
  let probe = 0;
  for (let i = 0; i < numbers.length; i++) probe += 0 * numbers[i];
  if (probe === 0) return;
  const at = Array.prototype.findIndex.call(numbers, (x: number) => !Number.isFinite(x));
  throw new DataError("batch", `number ${at} of the ${what} must be finite: ${numbers[at]}`);
}
