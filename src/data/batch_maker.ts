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
import { type Dataset, examplesIn, pixelsPerImage } from "./dataset.ts";
import { PixelWriter } from "./pixel_writer.ts";

/** Some examples, in the form that a model's objective takes. */
export interface Batch {
  /** Images, channels-last, [examples * height * width * channels]; normalized where the data set is. */
  readonly inputs: Float32Array;
  /** Labels, [examples], or the images' brightness in [0, 1] for a model that reproduces its input. */
  readonly targets: Uint8Array | Float32Array;
  /** Number of examples. */
  readonly examples: number;
}

/** Options of `batches`. */
export interface BatchesOptions {
  /** Examples per batch, >= 1. The last batch holds what is left. */
  readonly size: number;
  /** What the model shall predict: the label, or its own input. @default {"labels"} */
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
  readonly labels: Uint8Array;
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
  readonly #inputs: PixelWriter;
  readonly #brightness: PixelWriter;
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
    this.#inputs = new PixelWriter(dataset, dataset.normalization);
    this.#brightness = new PixelWriter(dataset, undefined);
  }

  /** Room for any of the batches. */
  buffers(): BatchBuffers {
    const examples = Math.min(this.#size, examplesIn(this.#dataset));
    const numbers = examples * pixelsPerImage(this.#dataset);
    const inputs = new Float32Array(numbers);
    const apart = this.#targets === "inputs" && this.#dataset.normalization !== undefined;
    return {
      inputs,
      reproduced: apart ? new Float32Array(numbers) : inputs,
      labels: new Uint8Array(examples),
    };
  }

  /** The next batch, in views of `buffers`; `undefined` after the last one. */
  next(buffers: BatchBuffers): Batch | undefined {
    const dataset = this.#dataset;
    const pixels = pixelsPerImage(dataset);
    const first = this.#next;
    const examples = Math.min(this.#size, examplesIn(dataset) - first);
    if (examples <= 0) return undefined;
    this.#next = first + examples;
    for (let i = 0; i < examples; i++) {
      const index = this.#order === undefined ? first + i : this.#order[first + i];
      const variation = this.#augment && drawVariation(this.#random, this.#augment);
      this.#write(this.#inputs, buffers.inputs, i * pixels, index * pixels, variation);
      if (buffers.reproduced !== buffers.inputs) {
        this.#write(this.#brightness, buffers.reproduced, i * pixels, index * pixels, variation);
      }
      buffers.labels[i] = dataset.labels[index];
    }
    const inputs = buffers.inputs.subarray(0, examples * pixels);
    if (this.#targets === "labels") {
      return { inputs, targets: buffers.labels.subarray(0, examples), examples };
    }
    const apart = buffers.reproduced !== buffers.inputs;
    const targets = apart ? buffers.reproduced.subarray(0, examples * pixels) : inputs;
    return { inputs, targets, examples };
  }

  #write(
    writer: PixelWriter,
    out: Float32Array,
    at: number,
    from: number,
    variation: Variation | undefined,
  ): void {
    const { shape } = this.#dataset;
    if (variation !== undefined) writeVaried(writer, out, at, from, shape, variation);
    else writer.write(out, at, from, from + pixelsPerImage(this.#dataset));
  }
}
