/**
 * Stored numbers as the numbers that models take: as they are, or normalized.
 *
 * @module
 */

import type { Dataset } from "./dataset.ts";
import type { Normalization } from "./normalization.ts";

/** Writes whole pixels of images, or whole rows of numbers. */
export class NumberWriter {
  /** What 0 becomes, one number per channel. */
  readonly black: Float32Array;
  readonly #numbers: Dataset["inputs"] | Dataset["targets"];
  readonly #shift: Float64Array;
  readonly #scale: Float64Array;
  /** For bytes that stand for brightness: what each of them becomes, [channels * 256]. */
  readonly #table: Float32Array | undefined;
  /** Whether a missing number, NaN, becomes the mean. */
  readonly #fills: boolean;

  /**
   * Numbers as they are without a normalization, else `(number - mean) / deviation`; bytes stand for
   * brightness in [0, 1].
   *
   * @param channels Numbers that are normalized each by a mean and deviation of its own.
   */
  constructor(
    numbers: Dataset["inputs"] | Dataset["targets"],
    channels: number,
    normalization: Normalization | undefined,
  ) {
    this.#numbers = numbers;
    this.#fills = normalization !== undefined;
    this.#shift = Float64Array.from({ length: channels }, (_, c) => normalization?.mean[c] ?? 0);
    this.#scale = Float64Array.from(
      { length: channels },
      (_, c) => 1 / (normalization?.deviation[c] ?? 1),
    );
    const become = (number: number, c: number) => (number - this.#shift[c]) * this.#scale[c];
    this.black = Float32Array.from({ length: channels }, (_, c) => become(0, c));
    this.#table = numbers instanceof Uint8Array
      ? Float32Array.from(
        { length: 256 * channels },
        (_, i) => become(i % 256 / 255, Math.floor(i / 256)),
      )
      : undefined;
  }

  /** Writes the numbers `from` up to `to` into `out`, from `at` on; ends of whole pixels or rows. */
  write(out: Float32Array, at: number, from: number, to: number): void {
    const numbers = this.#numbers;
    const channels = this.black.length;
    const table = this.#table;
    if (table !== undefined) {
      for (let i = from, place = at; i < to; i += channels) {
        for (let c = 0; c < channels; c++) out[place++] = table[256 * c + numbers[i + c]];
      }
      return;
    }
    for (let i = from, place = at; i < to; i += channels) {
      for (let c = 0; c < channels; c++) {
        const number = (numbers[i + c] - this.#shift[c]) * this.#scale[c];
        out[place++] = this.#fills && Number.isNaN(number) ? 0 : number;
      }
    }
  }
}
