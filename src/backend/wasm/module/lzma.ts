/**
 * Unpacks LZMA, in which the kernels are embedded: the second build differs little from the first, and
 * LZMA sees that over any distance. The format is that of Igor Pavlov's public specification (2015):
 * bits are coded by adaptive probabilities, and choose between literal bytes and copies of earlier ones.
 *
 * @module
 */

/** The only parameters that are read: lc = 3, lp = 0, pb = 2, the format's defaults. */
const PROPERTIES = 93, LITERAL_CONTEXT_BITS = 3, POSITION_BITS = 2;

/** Bytes before the coded bits: the parameters, size of the dictionary (4), size of the content (8). */
const HEADER = 13;

/** Probabilities are in units of 1/2048; every bit seen moves its own by 1/32 of what is missing. */
const ONE_BITS = 11, RATE_BITS = 5, EVEN = 1024;

/** Below this the range is widened by a byte. */
const NARROW = 2 ** 24;

/** Values of the state, which remembers what the last symbols were, and of the position modulo 4. */
const STATES = 12, POSITIONS = 1 << POSITION_BITS;

/** States below it come after a literal. */
const AFTER_LITERAL = 7;

/** Lengths of copies: two flags, two sets of trees of 8 by position, a tree of 256. */
const LENGTH_LOW = 2, LENGTH_MIDDLE = LENGTH_LOW + 8 * POSITIONS;
const LENGTH_HIGH = LENGTH_MIDDLE + 8 * POSITIONS, LENGTH_SIZE = LENGTH_HIGH + 256;

/** Where the probabilities of each kind begin. */
const IS_COPY = 0;
const IS_REPEATED = IS_COPY + STATES * POSITIONS;
const NOT_LAST = IS_REPEATED + STATES;
const NOT_SECOND = NOT_LAST + STATES;
const NOT_THIRD = NOT_SECOND + STATES;
const IS_LONG = NOT_THIRD + STATES;
const COPY_LENGTH = IS_LONG + STATES * POSITIONS;
const REPEATED_LENGTH = COPY_LENGTH + LENGTH_SIZE;
const SLOT = REPEATED_LENGTH + LENGTH_SIZE;
const MIDDLE_BITS = SLOT + 4 * 64;
const LOW_BITS = MIDDLE_BITS + 128;
const LITERAL = LOW_BITS + 16;
const PROBABILITIES = LITERAL + (0x300 << LITERAL_CONTEXT_BITS);

/** Slots of distances: below the first they are the distance, from the second on bits are not modelled. */
const FIRST_CODED_SLOT = 4, FIRST_DIRECT_SLOT = 14;

/**
 * The first bytes of what was packed.
 *
 * @param packed An LZMA file with the default parameters and no end mark.
 * @param length How many bytes are wanted, at most all there are.
 * @throws {TypeError} When the parameters are others.
 */
export function unpack(packed: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  if (packed[0] !== PROPERTIES) throw new TypeError("expected LZMA with its default parameters");
  const out = new Uint8Array(length);
  const bits = new BitReader(packed);
  const distances = [0, 0, 0, 0]; // the last four, counted from 0
  let state = 0;
  for (let at = 0; at < length;) {
    const position = at % POSITIONS;
    const place = state * POSITIONS + position;
    if (bits.next(IS_COPY + place) === 0) {
      const context = (out[at - 1] ?? 0) >> (8 - LITERAL_CONTEXT_BITS);
      const match = state < AFTER_LITERAL ? undefined : out[at - distances[0] - 1];
      out[at++] = literal(bits, LITERAL + 0x300 * context, match);
      state -= state < 4 ? state : state < 10 ? 3 : 6;
      continue;
    }
    let count: number;
    if (bits.next(IS_REPEATED + state) === 0) {
      count = copyLength(bits, COPY_LENGTH, position);
      distances.pop();
      distances.unshift(distance(bits, count));
      state = state < AFTER_LITERAL ? 7 : 10;
    } else if (bits.next(NOT_LAST + state) === 0) {
      const isLong = bits.next(IS_LONG + place) === 1;
      count = isLong ? copyLength(bits, REPEATED_LENGTH, position) : 1;
      state = (state < AFTER_LITERAL ? 8 : 11) + (isLong ? 0 : state < AFTER_LITERAL ? 1 : 0);
    } else {
      const which = bits.next(NOT_SECOND + state) === 0 ? 1 : 2 + bits.next(NOT_THIRD + state);
      distances.unshift(...distances.splice(which, 1));
      count = copyLength(bits, REPEATED_LENGTH, position);
      state = state < AFTER_LITERAL ? 8 : 11;
    }
    for (const end = Math.min(at + count, length); at < end; at++) {
      out[at] = out[at - distances[0] - 1];
    }
  }
  return out;
}

/** A byte. Behind a copy it is coded by its difference to the byte that would have come next there. */
function literal(bits: BitReader, base: number, match: number | undefined): number {
  let symbol = 1;
  if (match !== undefined) {
    for (let mask = 0x80; symbol < 0x100; mask >>= 1) {
      const expected = (match & mask) === 0 ? 0 : 1;
      const bit = bits.next(base + ((1 + expected) << 8) + symbol);
      symbol = symbol << 1 | bit;
      if (bit !== expected) break;
    }
  }
  while (symbol < 0x100) symbol = symbol << 1 | bits.next(base + symbol);
  return symbol & 0xff;
}

/** How many bytes are copied, from 2 on. */
function copyLength(bits: BitReader, base: number, position: number): number {
  if (bits.next(base) === 0) return 2 + bits.tree(base + LENGTH_LOW + 8 * position, 3);
  if (bits.next(base + 1) === 0) return 10 + bits.tree(base + LENGTH_MIDDLE + 8 * position, 3);
  return 18 + bits.tree(base + LENGTH_HIGH, 8);
}

/** How far back a copy begins, less one: a slot gives the two highest bits, others follow. */
function distance(bits: BitReader, count: number): number {
  const slot = bits.tree(SLOT + 64 * Math.min(count - 2, 3), 6);
  if (slot < FIRST_CODED_SLOT) return slot;
  const rest = (slot >> 1) - 1;
  const high = (2 | slot & 1) * 2 ** rest;
  return slot < FIRST_DIRECT_SLOT
    ? high + bits.reversedTree(MIDDLE_BITS + high - slot, rest)
    : high + 16 * bits.direct(rest - 4) + bits.reversedTree(LOW_BITS, 4);
}

/** Bits out of a range coder. */
class BitReader {
  readonly #bytes: Uint8Array;
  readonly #probabilities = new Uint16Array(PROBABILITIES).fill(EVEN);
  #at = HEADER + 1; // the first byte is always 0
  #range = 2 ** 32 - 1;
  #code = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    for (let i = 0; i < 4; i++) this.#code = 256 * this.#code + bytes[this.#at++];
  }

  /** A bit with the probability of this number, which learns from it. */
  next(index: number): 0 | 1 {
    const p = this.#probabilities[index];
    const bound = (this.#range >>> ONE_BITS) * p;
    if (this.#code < bound) {
      this.#range = bound;
      this.#probabilities[index] = p + ((2 ** ONE_BITS - p) >> RATE_BITS);
      this.#widen();
      return 0;
    }
    this.#range -= bound;
    this.#code -= bound;
    this.#probabilities[index] = p - (p >> RATE_BITS);
    this.#widen();
    return 1;
  }

  /** `count` bits as likely as not, highest first. */
  direct(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      this.#range >>>= 1;
      const bit = this.#code < this.#range ? 0 : 1;
      this.#code -= bit * this.#range;
      value = 2 * value + bit;
      this.#widen();
    }
    return value;
  }

  /** `count` bits, highest first, each with the probability that belongs to those before it. */
  tree(base: number, count: number): number {
    let node = 1;
    for (let i = 0; i < count; i++) node = node << 1 | this.next(base + node);
    return node - (1 << count);
  }

  /** The same with the lowest bit first. */
  reversedTree(base: number, count: number): number {
    let node = 1, value = 0;
    for (let i = 0; i < count; i++) {
      const bit = this.next(base + node);
      node = node << 1 | bit;
      value |= bit << i;
    }
    return value;
  }

  #widen(): void {
    if (this.#range >= NARROW) return;
    this.#range *= 256;
    this.#code = 256 * this.#code + this.#bytes[this.#at++];
  }
}
