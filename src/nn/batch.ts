/**
 * Batches of examples on the host, and the checks that stand between a user's data and the kernels.
 *
 * @module
 */

import { DataError, ShapeError } from "../core/errors.ts";
import { number, optional, resolve } from "../core/schema.ts";

/**
 * Anything that holds examples and their targets, row by row; the number of examples follows from the
 * length of the inputs. Batches of `data` are of this form, and so is `{ inputs, targets }`.
 */
export interface BatchLike {
  /**
   * [N, features], sequences [N, positions, channels] or of tokens [N, positions], or images
   * [N, height, width, channels] (channels last). Finite numbers.
   */
  readonly inputs: ArrayLike<number>;
  /**
   * What the loss asks for: N labels, a label per position [N, T], or [N, K] numbers. An autoencoder's batch may name the same
   * array twice; it is then moved to the backend only once.
   */
  readonly targets: ArrayLike<number>;
  /**
   * How much each example counts, [N], finite and >= 0: losses and gradients are multiplied by it and still
   * divided by N. Weights with a mean of 1, as `weighted` makes them, keep the scale of both. @default {1 each}
   */
  readonly weights?: ArrayLike<number>;
}

/** Numbers per example on both sides of a batch. */
export interface BatchLayout {
  /** Features of an example, >= 1. */
  readonly inputs: number;
  /** Targets of an example, >= 1. */
  readonly targets: number;
}

/**
 * The number of examples in `inputs`.
 *
 * @param inputs [N, features] row by row.
 * @param features Numbers per example.
 * @throws {ShapeError} When the length is not a multiple of `features`.
 * @throws {DataError} When there is no example.
 */
function countExamples(inputs: ArrayLike<number>, features: number): number {
  const examples = inputs.length / features;
  if (!Number.isInteger(examples)) {
    throw new ShapeError(
      "Cannot use a batch",
      `inputs of ${features} numbers per example`,
      `${inputs.length} numbers, no multiple of ${features}`,
    );
  }
  if (examples === 0) throw new DataError("batch", "expected at least one example, received none");
  return examples;
}

/**
 * The number of examples of a batch whose sizes fit.
 *
 * @throws {ShapeError} When inputs, targets or weights have a length that does not fit, or are no numbers.
 * @throws {DataError} When there is no example, or a weight is not possible.
 */
export function checkSizes(batch: BatchLike, layout: BatchLayout): number {
  checkNumbers(batch?.inputs, "inputs");
  checkNumbers(batch.targets, "targets");
  const examples = countExamples(batch.inputs, layout.inputs);
  if (batch.targets.length !== examples * layout.targets) {
    const each = layout.targets === 1 ? "one per example" : `${layout.targets} per example`;
    throw new ShapeError(
      "Cannot use a batch",
      `${examples * layout.targets} targets for ${examples} examples (${each})`,
      `${batch.targets.length}`,
    );
  }
  const { weights } = batch;
  if (weights === undefined) return examples;
  if (weights.length !== examples) {
    const expected = `${examples} weights for ${examples} examples`;
    throw new ShapeError("Cannot use a batch", expected, `${weights.length}`);
  }
  for (let n = 0; n < examples; n++) {
    if (weights[n] >= 0 && weights[n] < Infinity) continue;
    const problem = `weight of example ${n} must be a finite number >= 0: received ${weights[n]}`;
    throw new DataError("batch", problem);
  }
  return examples;
}

/** What people give in the place of a flat array of numbers. */
function checkNumbers(numbers: ArrayLike<unknown> | undefined, name: string): void {
  const kind = typeof numbers?.length !== "number" ? "nothing" : KINDS[typeof numbers[0]];
  if (kind === undefined) return;
  throw new ShapeError("Cannot use a batch", `'${name}' as one flat array of numbers`, kind);
}

/** By the type of an array's first entry. */
const KINDS: Readonly<Record<string, string>> = {
  object: "an array of arrays or other objects",
  string: "an array of text",
  bigint: "an array of bigint",
};

/**
 * Checks that all inputs are finite.
 *
 * @param inputs [N, features] row by row.
 * @param features Numbers per example.
 * @throws {DataError} Names the first input that is not, and its example.
 */
export function checkInputs(inputs: ArrayLike<number>, features: number): void {
  // 0 * x is 0 for finite x and NaN otherwise: one branch for the whole batch.
  let probe = 0;
  for (let i = 0; i < inputs.length; i++) probe += 0 * inputs[i];
  if (probe === 0) return;
  for (let i = 0; i < inputs.length; i++) {
    if (Number.isFinite(inputs[i])) continue;
    throw new DataError(
      "batch",
      `input ${i % features} of example ${Math.floor(i / features)} must be a finite number: ` +
        `received ${inputs[i]}`,
    );
  }
}

/** How many examples go through the model at a time when nothing is trained. */
export interface PassOptions {
  /** Examples at a time, >= 1; bounds the memory that a pass takes. @default {256} */
  readonly microBatch?: number;
}

/** A pass that judges a model. */
export interface EvaluateOptions extends PassOptions {
  /**
   * Is given the model's outputs, row by row, and the targets they are to meet, micro-batch after micro-batch:
   * for metrics. Both are valid until it returns.
   */
  readonly onOutputs?: (outputs: ArrayLike<number>, targets: ArrayLike<number>) => void;
}

/**
 * Examples at a time.
 *
 * @throws {OptionError} When an option is unknown or outside its range.
 */
export function microBatchSize(options: PassOptions): number {
  const subject = "Cannot run the model";
  const microBatch = optional(number({ min: 1, integer: true }), 256);
  return resolve(subject, options, { microBatch }).microBatch;
}

/** Views of at most `size` examples each, in order. Copies nothing from typed arrays. */
export function* splitBatch(
  batch: BatchLike,
  layout: BatchLayout,
  size: number,
): Generator<BatchLike, void, undefined> {
  const examples = batch.inputs.length / layout.inputs;
  for (let from = 0; from < examples; from += size) {
    const to = Math.min(from + size, examples);
    const inputs = section(batch.inputs, from * layout.inputs, to * layout.inputs);
    const targets = batch.targets === batch.inputs
      ? inputs
      : section(batch.targets, from * layout.targets, to * layout.targets);
    const { weights } = batch;
    yield {
      inputs,
      targets,
      ...(weights === undefined ? {} : { weights: section(weights, from, to) }),
    };
  }
}

function section(data: ArrayLike<number>, from: number, to: number): ArrayLike<number> {
  return ArrayBuffer.isView(data)
    ? (data as Float32Array).subarray(from, to)
    : Array.prototype.slice.call(data, from, to);
}

/** Inputs alone, in batches as `options` have it. */
export function inputChunks(
  inputs: ArrayLike<number>,
  features: number,
  options: PassOptions,
): BatchLike[] {
  const size = microBatchSize(options);
  countExamples(inputs, features);
  return [...splitBatch({ inputs, targets: [] }, { inputs: features, targets: 0 }, size)];
}

/** The results of micro-batches, one after the other. */
export function joined(chunks: readonly ArrayLike<number>[]): Float64Array {
  const result = new Float64Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let end = 0;
  for (const chunk of chunks) {
    result.set(chunk, end);
    end += chunk.length;
  }
  return result;
}
