/**
 * The prefix codes of DEFLATE (RFC 1951, 3.2.2) as tables.
 *
 * @module
 */

import { InflateError } from "./inflate_error.ts";

/** A code as one table: the next `width` bits lead to `symbol << 4 | bits of its code`, 0 where none does. */
export interface Code {
  readonly table: Uint16Array;
  readonly width: number;
}

const LONGEST = 15;

/** The order in which a block tells the lengths of the code of its code lengths. */
export const ORDER: readonly number[] = [
  ...[16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15],
];

/**
 * The code in which symbol i has `sizes[i]` bits, none where that is 0.
 *
 * @throws {InflateError} When there are more codes than so many bits can tell apart, or too few, unless it
 * is the single code of one bit that the format allows.
 */
export function codeOf(sizes: Uint8Array): Code {
  const counts = new Uint16Array(LONGEST + 1);
  for (const size of sizes) counts[size]++;
  counts[0] = 0;
  const first = new Uint16Array(LONGEST + 2);
  let room = 1;
  let width = 1;
  for (let size = 1; size <= LONGEST; size++) {
    room = 2 * room - counts[size];
    if (room < 0) throw new InflateError("a code with too many words");
    if (counts[size] > 0) width = size;
    first[size + 1] = (first[size] + counts[size]) << 1;
  }
  const words = counts.reduce((sum, count) => sum + count, 0);
  if (room > 0 && words > 1) throw new InflateError("a code with too few words");
  const table = new Uint16Array(1 << width);
  sizes.forEach((size, symbol) => {
    if (size === 0) return;
    const entry = symbol << 4 | size;
    const step = 1 << size;
    for (let i = reversed(first[size]++, size); i < table.length; i += step) table[i] = entry;
  });
  return { table, width };
}

/** The bits of a word in the other order: they come highest first, all other numbers lowest first. */
function reversed(word: number, size: number): number {
  let result = 0;
  for (let i = 0; i < size; i++) result |= (word >> i & 1) << (size - 1 - i);
  return result;
}

/** The codes of blocks that bring none of their own. */
export const FIXED: { readonly lengths: Code; readonly distances: Code } = {
  lengths: codeOf(
    Uint8Array.from({ length: 288 }, (_, i) => i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8),
  ),
  distances: codeOf(new Uint8Array(32).fill(5)),
};
