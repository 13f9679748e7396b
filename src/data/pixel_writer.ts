/**
 * Pixels of a data set as the numbers that models take: as brightness, or normalized.
 *
 * @module
 */

import type { Dataset } from "./dataset.ts";
import type { Normalization } from "./normalization.ts";

/** Writes whole pixels of one data set. */
export class PixelWriter {
  /** What a black pixel becomes, one number per channel. */
  readonly black: Float32Array;
  readonly #images: Float32Array | Uint8Array;
  readonly #shift: Float64Array;
  readonly #scale: Float64Array;
  /** For bytes: what each of them becomes, [channels * 256]. */
  readonly #table: Float32Array;

  /** Brightness in [0, 1] without a normalization, else `(brightness - mean) / deviation`. */
  constructor({ images, shape }: Dataset, normalization: Normalization | undefined) {
    const channels = shape[2];
    this.#images = images;
    this.#shift = Float64Array.from({ length: channels }, (_, c) => normalization?.mean[c] ?? 0);
    this.#scale = Float64Array.from(
      { length: channels },
      (_, c) => 1 / (normalization?.deviation[c] ?? 1),
    );
    const become = (brightness: number, c: number) =>
      (brightness - this.#shift[c]) * this.#scale[c];
    this.black = Float32Array.from({ length: channels }, (_, c) => become(0, c));
    this.#table = Float32Array.from(
      { length: images instanceof Uint8Array ? 256 * channels : 0 },
      (_, i) => become(i % 256 / 255, Math.floor(i / 256)),
    );
  }

  /** Writes the numbers `from` up to `to` of the images into `out`, from `at` on; ends of whole pixels. */
  write(out: Float32Array, at: number, from: number, to: number): void {
    const images = this.#images;
    const channels = this.black.length;
    if (images instanceof Uint8Array) {
      for (let i = from, place = at; i < to; i += channels) {
        for (let c = 0; c < channels; c++) out[place++] = this.#table[256 * c + images[i + c]];
      }
    } else {
      for (let i = from, place = at; i < to; i += channels) {
        for (let c = 0; c < channels; c++) {
          out[place++] = (images[i + c] - this.#shift[c]) * this.#scale[c];
        }
      }
    }
  }
}
