/**
 * Allocation of owned storage inside linear memory: segregated free lists with immediate
 * coalescing. Free blocks lie in bins by size, four bins to each power of two, so a fitting block
 * is found in a few steps; freed neighbours merge at once, so memory does not fragment for good.
 *
 * The books are kept outside the memory they describe: no headers, every block starts on a multiple
 * of 64 bytes (a cache line), and a kernel that strays cannot corrupt them.
 *
 * @module
 */

/** All blocks start at multiples of this and are a multiple of it long. */
export const ALIGNMENT = 64;

/** `bytes` rounded up to a multiple of {@linkcode ALIGNMENT}. */
export function roundUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Takes memory from a host that can grow it; hands out and takes back aligned blocks. */
export class Heap {
  readonly #grow: (bytes: number) => number;
  /** End of the memory that belongs to the heap. */
  #end: number;
  /** Length of each block in use, by address. */
  readonly #used = new Map<number, number>();
  /** Length of each free block, by address. */
  readonly #free = new Map<number, number>();
  /** Address of each free block, by the address just behind it. */
  readonly #freeByEnd = new Map<number, number>();
  readonly #bins: Set<number>[] = Array.from({ length: 4 * 32 }, () => new Set<number>());

  /**
   * Starts with the memory from `start` to `end` (addresses in bytes).
   *
   * @param grow Lengthens the memory by at least so many bytes and returns its new end.
   */
  constructor(start: number, end: number, grow: (bytes: number) => number) {
    this.#grow = grow;
    this.#end = Math.floor(end / ALIGNMENT) * ALIGNMENT;
    const first = roundUp(start);
    if (first < this.#end) this.#insert(first, this.#end - first);
    else this.#end = first;
  }

  /** Blocks in use. */
  get blocks(): number {
    return this.#used.size;
  }

  /** The address of a block of at least `bytes` bytes with unspecified content. */
  allocate(bytes: number): number {
    const length = Math.max(ALIGNMENT, roundUp(bytes));
    const address = this.#find(length) ?? this.#extend(length);
    const available = this.#remove(address);
    if (available > length) this.#insert(address + length, available - length);
    this.#used.set(address, length);
    return address;
  }

  /** Takes back a block; its address must come from {@linkcode Heap.allocate}. */
  release(address: number): void {
    let start = address;
    let length = this.#used.get(address)!;
    this.#used.delete(address);
    if (this.#free.has(start + length)) length += this.#remove(start + length);
    const before = this.#freeByEnd.get(start);
    if (before !== undefined) {
      length += this.#remove(before);
      start = before;
    }
    this.#insert(start, length);
  }

  /** A free block that is long enough: the first that fits in its own bin, any in a later one. */
  #find(length: number): number | undefined {
    const own = binOf(length);
    for (const address of this.#bins[own]) {
      if (this.#free.get(address)! >= length) return address;
    }
    for (let bin = own + 1; bin < this.#bins.length; bin++) {
      for (const address of this.#bins[bin]) return address;
    }
    return undefined;
  }

  /** Grows the memory so that its last free block holds `length`. */
  #extend(length: number): number {
    const last = this.#freeByEnd.get(this.#end);
    const missing = length - (last === undefined ? 0 : this.#free.get(last)!);
    const end = Math.floor(this.#grow(missing) / ALIGNMENT) * ALIGNMENT;
    const start = last ?? this.#end;
    if (last !== undefined) this.#remove(last);
    this.#insert(start, end - start);
    this.#end = end;
    return start;
  }

  #insert(address: number, length: number): void {
    this.#free.set(address, length);
    this.#freeByEnd.set(address + length, address);
    this.#bins[binOf(length)].add(address);
  }

  #remove(address: number): number {
    const length = this.#free.get(address)!;
    this.#free.delete(address);
    this.#freeByEnd.delete(address + length);
    this.#bins[binOf(length)].delete(address);
    return length;
  }
}

/** Four bins to a power of two: the exponent and the two bits below the leading one. */
function binOf(length: number): number {
  const exponent = 31 - Math.clz32(length);
  return 4 * exponent + ((length >>> (exponent - 2)) & 3);
}
