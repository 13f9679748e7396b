/**
 * Makes the batches of one epoch, one after the other, into buffers that are given to it.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import { checkNumber } from "../core/options.ts";
import { Random } from "../core/random.ts";
import {
  type Augmentation,
  drawVariation,
  resolveAugmentation,
  type Variation,
  writeVaried,
} from "./augmentation.ts";
import { channelsOf, type Dataset, examplesIn, inputSize, targetSize } from "./dataset.ts";
import { type Labels, labelsOf } from "./labels.ts";
import { NumberWriter } from "./number_writer.ts";

/** Some examples, in the form that a model's objective takes. */
export interface Batch {
  /** [examples * product of the shape], images channels-last; normalized where the data set is. */
  readonly inputs: Float32Array;
  /**
   * Labels, [examples], or numbers, [examples * numbers of each], normalized where the data set is. For a
   * model that reproduces its input the inputs themselves, of images the brightness in [0, 1].
   */
  readonly targets: Labels | Float32Array;
  /** Number of examples. */
  readonly examples: number;
  /** How much each counts, [examples], where the data set says. */
  readonly weights?: Float64Array;
}

/** Options of `batches`. */
export interface BatchesOptions {
  /** Examples per batch, >= 1. The last batch holds what is left. */
  readonly size: number;
  /** What the model shall predict: the data set's targets, or its own input. @default {"labels"} */
  readonly targets?: "labels" | "inputs";
  /** Seed and epoch that decide the order. @default {as stored} */
  readonly shuffle?: { readonly seed: number; readonly epoch: number };
  /** How images are varied, decided by the same seed and epoch. @default {not at all} */
  readonly augment?: Augmentation;
}

/** Room for one batch. */
export interface BatchBuffers {
  readonly inputs: Float32Array;
  /** The same memory as `inputs` where inputs are to be reproduced as they are. */
  readonly reproduced: Float32Array;
  readonly targets: Labels | Float32Array;
}

/** Knows which examples come next and what they shall look like. */
export class BatchMaker {
  readonly #dataset: Dataset;
  readonly #size: number;
  readonly #targets: "labels" | "inputs";
  /** Order of the examples; `undefined` when as stored. */
  readonly #order: Uint32Array | undefined;
  readonly #augment: Required<Augmentation> | undefined;
  /** Decides how images are varied. */
  readonly #random: Random;
  readonly #inputs: NumberWriter;
  /** Writes inputs that are to be reproduced: images stay brightness. */
  readonly #reproduced: NumberWriter;
  /** Writes targets that are numbers. */
  readonly #numbers: NumberWriter;
  #next = 0;

  /** @throws {OptionError} When an option is out of range, or `augment` lacks a `shuffle`. */
  constructor(dataset: Dataset, options: BatchesOptions) {
    const subject = "Cannot make batches";
    const { shuffle, targets = "labels", augment } = options;
    this.#dataset = dataset;
    this.#size = checkNumber(subject, "size", options.size, { min: 1, integer: true });
    this.#targets = targets;
    if (augment !== undefined && shuffle === undefined) {
      const expectation = "needs 'shuffle', whose seed and epoch decide it";
      throw new OptionError(subject, "augment", expectation, augment);
    }
    this.#augment = augment === undefined
      ? undefined
      : resolveAugmentation(subject, augment, dataset);
    const random = new Random(shuffle?.seed ?? 0);
    if (shuffle !== undefined) {
      const range = { min: 0, integer: true };
      const epoch = checkNumber(subject, "shuffle.epoch", shuffle.epoch, range);
      for (let i = 0; i < epoch; i++) random.bits();
    }
    const epochRandom = random.fork();
    this.#order = shuffle === undefined ? undefined : epochRandom.permutation(examplesIn(dataset));
    this.#random = epochRandom.fork();
    const { inputs, targets: stored, normalization, targetNormalization } = dataset;
    this.#inputs = new NumberWriter(inputs, channelsOf(dataset), normalization);
    this.#reproduced = "images" in dataset && normalization !== undefined
      ? new NumberWriter(inputs, channelsOf(dataset), undefined)
      : this.#inputs;
    this.#numbers = new NumberWriter(stored, targetSize(dataset), targetNormalization);
  }

  /** Room for any of the batches. */
  buffers(): BatchBuffers {
    const dataset = this.#dataset;
    const examples = Math.min(this.#size, examplesIn(dataset));
    const numbers = examples * inputSize(dataset);
    const inputs = new Float32Array(numbers);
    const apart = this.#targets === "inputs" && this.#reproduced !== this.#inputs;
    return {
      inputs,
      reproduced: apart ? new Float32Array(numbers) : inputs,
      targets: dataset.classes === undefined
        ? new Float32Array(examples * targetSize(dataset))
        : labelsOf(new Uint8Array(examples), dataset.classes),
    };
  }

  /** The next batch, in views of `buffers`; `undefined` after the last one. */
  next(buffers: BatchBuffers): Batch | undefined {
    const dataset = this.#dataset;
    const size = inputSize(dataset);
    const first = this.#next;
    const examples = Math.min(this.#size, examplesIn(dataset) - first);
    if (examples <= 0) return undefined;
    this.#next = first + examples;
    for (let i = 0; i < examples; i++) {
      const index = this.#order === undefined ? first + i : this.#order[first + i];
      const variation = this.#augment && drawVariation(this.#random, this.#augment);
      this.#write(this.#inputs, buffers.inputs, i * size, index * size, variation);
      if (buffers.reproduced !== buffers.inputs) {
        this.#write(this.#reproduced, buffers.reproduced, i * size, index * size, variation);
      }
      if (this.#targets === "labels") this.#writeTargets(buffers.targets, i, index);
    }
    const inputs = buffers.inputs.subarray(0, examples * size);
    const weights = this.#weightsOf(first, examples);
    if (this.#targets === "labels") {
      const targets = buffers.targets.subarray(0, examples * targetSize(dataset));
      return { inputs, targets, examples, ...weights };
    }
    const apart = buffers.reproduced !== buffers.inputs;
    const targets = apart ? buffers.reproduced.subarray(0, examples * size) : inputs;
    return { inputs, targets, examples, ...weights };
  }

  #weightsOf(first: number, examples: number): Pick<Batch, "weights"> {
    const { weights } = this.#dataset;
    if (weights === undefined) return {};
    const order = this.#order;
    const at = (i: number) => weights[order === undefined ? first + i : order[first + i]];
    return { weights: Float64Array.from({ length: examples }, (_, i) => at(i)) };
  }

  #writeTargets(out: Labels | Float32Array, place: number, index: number): void {
    if (!(out instanceof Float32Array)) {
      out[place] = this.#dataset.targets[index];
      return;
    }
    const size = targetSize(this.#dataset);
    this.#numbers.write(out, place * size, index * size, (index + 1) * size);
  }

  #write(
    writer: NumberWriter,
    out: Float32Array,
    at: number,
    from: number,
    variation: Variation | undefined,
  ): void {
    const { shape } = this.#dataset;
    if (variation === undefined || shape.length === 1) {
      writer.write(out, at, from, from + inputSize(this.#dataset));
    } else writeVaried(writer, out, at, from, shape, variation);
  }
}
