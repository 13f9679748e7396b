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
  /**
   * Makes the part of every batch that one of several ranks takes: its examples are rank, rank + ranks, and so on of
   * the batch's, varied as they would be for one rank. A last batch with fewer examples than ranks is left out, so
   * that all ranks have equally many batches. @default {the whole batches}
   */
  readonly share?: BatchShare;
}

/** Which part of every batch is meant. */
export interface BatchShare {
  /** From 0 to `ranks` - 1. */
  readonly rank: number;
  /** How many share a batch, >= 1; at most its examples. */
  readonly ranks: number;
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
  readonly #share: BatchShare;
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
    const { shuffle, targets = "labels", augment, share = { rank: 0, ranks: 1 } } = options;
    this.#dataset = dataset;
    this.#size = checkNumber(subject, "size", options.size, { min: 1, integer: true });
    this.#targets = targets;
    const most = Math.min(this.#size, Math.max(1, examplesIn(dataset)));
    checkNumber(subject, "share.ranks", share.ranks, { min: 1, max: most, integer: true });
    checkNumber(subject, "share.rank", share.rank, { min: 0, max: share.ranks - 1, integer: true });
    this.#share = share;
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
    const { ranks } = this.#share;
    const examples = Math.ceil(Math.min(this.#size, examplesIn(dataset)) / ranks);
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
    const { rank, ranks } = this.#share;
    const all = Math.min(this.#size, examplesIn(dataset) - first);
    if (all < ranks) return undefined;
    this.#next = first + all;
    const places: number[] = [];
    for (let place = 0; place < all; place++) {
      // Drawn for those of other ranks, too.
      const variation = this.#augment && drawVariation(this.#random, this.#augment);
      if (place % ranks !== rank) continue;
      const i = places.length;
      const index = this.#order === undefined ? first + place : this.#order[first + place];
      places.push(index);
      this.#write(this.#inputs, buffers.inputs, i * size, index * size, variation);
      if (buffers.reproduced !== buffers.inputs) {
        this.#write(this.#reproduced, buffers.reproduced, i * size, index * size, variation);
      }
      if (this.#targets === "labels") this.#writeTargets(buffers.targets, i, index);
    }
    const examples = places.length;
    const inputs = buffers.inputs.subarray(0, examples * size);
    const weights = this.#weightsOf(places);
    if (this.#targets === "labels") {
      const targets = buffers.targets.subarray(0, examples * targetSize(dataset));
      return { inputs, targets, examples, ...weights };
    }
    const apart = buffers.reproduced !== buffers.inputs;
    const targets = apart ? buffers.reproduced.subarray(0, examples * size) : inputs;
    return { inputs, targets, examples, ...weights };
  }

  #weightsOf(places: readonly number[]): Pick<Batch, "weights"> {
    const { weights } = this.#dataset;
    return weights === undefined
      ? {}
      : { weights: Float64Array.from(places, (index) => weights[index]) };
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
