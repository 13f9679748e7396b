/**
 * DEFLATE (RFC 1951) from the end that reads: bytes are inflated when they are asked for, never more.
 *
 * The hosts' `DecompressionStream` cannot do what readers of untrusted files need: it inflates a thousand
 * bytes for each one it is given before anybody can stop it, does not tell where a stream ends, and some
 * hosts take a stream that breaks off for a whole one.
 *
 * @module
 */

import type { ByteSource } from "./byte_source.ts";
import { type Code, codeOf, FIXED, ORDER } from "./huffman.ts";
import { InflateError } from "./inflate_error.ts";

/** The longest header of a block is under 300 bytes, a symbol with its distance 6: so many are at hand. */
const AT_HAND = 512;
const WINDOW = 1 << 15;
/** Bytes made at a time: the window behind them, then this, then the longest copy. */
const PIECE = 1 << 16;
const LONGEST_COPY = 258;

const LENGTH_BASE = Uint16Array.from(
  [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115]
    .concat([131, 163, 195, 227, 258]),
);
const LENGTH_BITS = Uint8Array.from(LENGTH_BASE, (_, i) => i < 8 || i === 28 ? 0 : (i >> 2) - 1);
const DISTANCE_BITS = Uint8Array.from({ length: 30 }, (_, i) => i < 4 ? 0 : (i >> 1) - 1);
const DISTANCE_BASE = Uint16Array.from(
  { length: 30 },
  (_, i) => i < 4 ? 1 + i : 1 + ((2 + (i & 1)) << DISTANCE_BITS[i]),
);

/** What is being read. */
type Block = "header" | "stored" | "coded" | "end";

/** Inflates a stream of bytes, and gives back what follows it. */
export class Inflater {
  readonly #input: ByteSource;
  #bytes = new Uint8Array(0);
  #at = 0;
  #final = false;
  /** Bits that were read and not used, the next one lowest, and their number, at most 32. */
  #bits = 0;
  #bitCount = 0;
  readonly #out = new Uint8Array(WINDOW + PIECE + LONGEST_COPY);
  #end = 0;
  #block: Block = "header";
  #last = false;
  #stored = 0;
  #lengths: Code = FIXED.lengths;
  #distances: Code = FIXED.distances;

  /** Reads from `input` no further than it has to. */
  constructor(input: ByteSource) {
    this.#input = input;
  }

  /** Begins a stream at the byte after the last one that was taken. */
  restart(): void {
    this.#block = "header";
    this.#last = false;
    this.#end = 0;
  }

  /**
   * The next bytes of the stream, at most 64 KiB and a few; none after its end. Valid until the next call.
   *
   * @throws {InflateError} When the stream is damaged or breaks off.
   */
  async read(): Promise<Uint8Array> {
    const kept = Math.min(this.#end, WINDOW);
    this.#out.copyWithin(0, this.#end - kept, this.#end);
    this.#end = kept;
    while (this.#block !== "end" && this.#end < kept + PIECE) {
      await this.#provide();
      this.#advance(kept + PIECE);
    }
    return this.#out.subarray(kept, this.#end);
  }

  /** Exactly `count` bytes that are not part of the stream, or fewer where nothing is left. */
  async takeBytes(count: number): Promise<Uint8Array<ArrayBuffer>> {
    this.#alignToByte();
    const bytes = new Uint8Array(count);
    let taken = 0;
    while (taken < count) {
      if (this.#bitCount === 0 && this.#at === this.#bytes.length) await this.#provide();
      if (this.#bitCount === 0 && this.#at === this.#bytes.length) break;
      bytes[taken++] = this.#bitCount > 0 ? this.#take(8) : this.#bytes[this.#at++];
    }
    return bytes.subarray(0, taken);
  }

  /** Makes sure that enough input is at hand for any header or symbol, or that it is all there is. */
  async #provide(): Promise<void> {
    while (!this.#final && this.#bytes.length - this.#at < AT_HAND) {
      const more = await this.#input.next();
      if (more === undefined) this.#final = true;
      else {
        const rest = this.#bytes.subarray(this.#at);
        const joined = new Uint8Array(rest.length + more.length);
        joined.set(rest);
        joined.set(more, rest.length);
        this.#bytes = joined;
        this.#at = 0;
      }
    }
  }

  /** Inflates until the output reaches `limit`, the input at hand runs low, or the stream ends. */
  #advance(limit: number): void {
    do {
      if (this.#block === "header") this.#readHeader();
      if (this.#block === "stored") this.#copyStored(limit);
      else if (this.#block === "coded") this.#decode(limit);
      if (this.#block === "header" && this.#last) this.#block = "end";
    } while (this.#block !== "end" && this.#end < limit && !this.#short());
  }

  #short(): boolean {
    return !this.#final && this.#bytes.length - this.#at < AT_HAND;
  }

  #readHeader(): void {
    this.#last = this.#take(1) === 1;
    const kind = this.#take(2);
    if (kind === 0) {
      this.#alignToByte();
      this.#stored = this.#take(16);
      if ((this.#take(16) ^ 0xffff) !== this.#stored) throw new InflateError("a block's length");
      this.#block = "stored";
    } else if (kind === 1) {
      this.#lengths = FIXED.lengths;
      this.#distances = FIXED.distances;
      this.#block = "coded";
    } else if (kind === 2) {
      this.#readCodes();
      this.#block = "coded";
    } else throw new InflateError("a block of unknown kind");
  }

  #readCodes(): void {
    const lengthCount = this.#take(5) + 257;
    const distanceCount = this.#take(5) + 1;
    const sizes = new Uint8Array(19);
    for (let i = 0, count = this.#take(4) + 4; i < count; i++) sizes[ORDER[i]] = this.#take(3);
    const meta = codeOf(sizes);
    const all = new Uint8Array(lengthCount + distanceCount);
    for (let i = 0; i < all.length;) {
      const symbol = this.#symbol(meta);
      if (symbol < 16) {
        all[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw new InflateError("a repetition of nothing");
      const value = symbol === 16 ? all[i - 1] : 0;
      const count = symbol === 16
        ? 3 + this.#take(2)
        : symbol === 17
        ? 3 + this.#take(3)
        : 11 + this.#take(7);
      if (i + count > all.length) throw new InflateError("too many code lengths");
      all.fill(value, i, i + count);
      i += count;
    }
    this.#lengths = codeOf(all.subarray(0, lengthCount));
    this.#distances = codeOf(all.subarray(lengthCount));
  }

  #copyStored(limit: number): void {
    const out = this.#out;
    while (this.#stored > 0 && this.#end < limit && this.#bitCount > 0) {
      out[this.#end++] = this.#take(8);
      this.#stored--;
    }
    const count = Math.min(this.#stored, limit - this.#end, this.#bytes.length - this.#at);
    out.set(this.#bytes.subarray(this.#at, this.#at + count), this.#end);
    this.#at += count;
    this.#end += count;
    this.#stored -= count;
    if (this.#stored === 0) this.#block = "header";
    else if (this.#end < limit && this.#final) throw new InflateError("the end of the input");
  }

  /** The loop that takes the time: the fields live in variables while it runs. */
  #decode(limit: number): void {
    const out = this.#out;
    const bytes = this.#bytes;
    const { table: lengths, width: lengthWidth } = this.#lengths;
    const { table: distances, width: distanceWidth } = this.#distances;
    const lengthMask = (1 << lengthWidth) - 1;
    const distanceMask = (1 << distanceWidth) - 1;
    // The last place where a symbol begins that is certain to be at hand whole.
    const safe = this.#final ? bytes.length : bytes.length - AT_HAND;
    let [bits, bitCount, at, end] = [this.#bits, this.#bitCount, this.#at, this.#end];
    while (end < limit && at <= safe) {
      for (; bitCount <= 16 && at < bytes.length; bitCount += 8) bits |= bytes[at++] << bitCount;
      const entry = lengths[bits & lengthMask];
      bits >>>= entry & 15;
      bitCount = spent(bitCount, entry & 15, entry);
      const symbol = entry >>> 4;
      if (symbol < 256) {
        out[end++] = symbol;
        continue;
      }
      if (symbol === 256) {
        this.#block = "header";
        break;
      }
      const place = symbol - 257;
      if (place >= LENGTH_BASE.length) throw new InflateError("an unknown length");
      for (; bitCount <= 16 && at < bytes.length; bitCount += 8) bits |= bytes[at++] << bitCount;
      const lengthBits = LENGTH_BITS[place];
      const stop = end + LENGTH_BASE[place] + (bits & ((1 << lengthBits) - 1));
      bits >>>= lengthBits;
      bitCount = spent(bitCount, lengthBits);
      for (; bitCount <= 16 && at < bytes.length; bitCount += 8) bits |= bytes[at++] << bitCount;
      const code = distances[bits & distanceMask];
      bits >>>= code & 15;
      bitCount = spent(bitCount, code & 15, code);
      for (; bitCount <= 16 && at < bytes.length; bitCount += 8) bits |= bytes[at++] << bitCount;
      if (code >>> 4 >= DISTANCE_BASE.length) throw new InflateError("an unknown distance");
      const distanceBits = DISTANCE_BITS[code >>> 4];
      const distance = DISTANCE_BASE[code >>> 4] + (bits & ((1 << distanceBits) - 1));
      bits >>>= distanceBits;
      bitCount = spent(bitCount, distanceBits);
      // The window is whole once there were so many bytes, and no distance is longer.
      if (distance > end) throw new InflateError("a copy from before the start");
      for (let from = end - distance; end < stop;) out[end++] = out[from++];
    }
    [this.#bits, this.#bitCount, this.#at, this.#end] = [bits, bitCount, at, end];
  }

  #symbol({ table, width }: Code): number {
    this.#refill();
    const entry = table[this.#bits & ((1 << width) - 1)];
    const size = entry & 15;
    this.#bitCount = spent(this.#bitCount, size, entry);
    this.#bits >>>= size;
    return entry >>> 4;
  }

  /** The next bits as a number, the first one lowest; at most 16. */
  #take(count: number): number {
    this.#refill();
    this.#bitCount = spent(this.#bitCount, count);
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>>= count;
    return value;
  }

  /** At least 17 bits, unless the input ends: 24 fit beside 7 that are left, and no code has more than 15. */
  #refill(): void {
    while (this.#bitCount <= 16 && this.#at < this.#bytes.length) {
      this.#bits |= this.#bytes[this.#at++] << this.#bitCount;
      this.#bitCount += 8;
    }
  }

  #alignToByte(): void {
    const odd = this.#bitCount & 7;
    this.#bits >>>= odd;
    this.#bitCount -= odd;
  }
}

/** How many bits are left of `count` after `used`; the entry of a table is 0 where no code leads to it. */
function spent(count: number, used: number, entry = 1): number {
  if (entry === 0) throw new InflateError("a code that does not exist");
  if (used > count) throw new InflateError("the end of the input");
  return count - used;
}
