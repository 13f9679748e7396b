/**
 * What every topic of verbs works with: the memory, its allocators, and addresses of matrices.
 *
 * @module
 */

import type { Scalar } from "../../backend.ts";
import type { Matrix } from "../../../core/matrix.ts";
import type { RawStorage } from "../../kernels.ts";
import { Arena } from "./arena.ts";
import { Heap } from "./heap.ts";
import type { Address } from "../../extension.ts";
import type { Instance } from "./instantiate.ts";
import type { LinearMemory } from "./linear_memory.ts";

/** Bytes of a float32. */
const BYTES = 4;

/** A run of float32 numbers in linear memory. */
export class WasmStorage implements RawStorage {
  disposed = false;
  owner: unknown = undefined;

  /**
   * Describes memory; takes none.
   *
   * @param address First byte, a multiple of 64. Changes where memory is exchanged.
   * @param length Number of elements.
   */
  constructor(public address: number, readonly length: number) {}
}

/** One instance of the kernels with its memory. */
export class Machine {
  /** The exported functions. */
  readonly exports: Instance["exports"];
  /** The memory behind all addresses. */
  readonly memory: LinearMemory;
  readonly #heap: Heap;
  readonly #arena: Arena;

  /** Takes over the memory of an instance. */
  constructor(instance: Instance) {
    this.exports = instance.exports;
    this.memory = instance.memory;
    const start = instance.exports.heapBase() >>> 0;
    this.#heap = new Heap(start, this.memory.byteLength, (bytes) => this.memory.grow(bytes));
    this.#arena = new Arena(this.#heap);
  }

  /** Storage of zeros. */
  allocate(length: number): WasmStorage {
    const address = this.#heap.allocate(length * BYTES);
    this.memory.view.fill(0, address / BYTES, address / BYTES + length);
    return new WasmStorage(address, length);
  }

  /** Exchanges the memory behind two storages of one length. */
  exchange(x: WasmStorage, y: WasmStorage): void {
    [x.address, y.address] = [y.address, x.address];
  }

  /** Gives storage back. */
  release(storage: WasmStorage): void {
    this.#heap.release(storage.address);
  }

  /** Opens a scope of temporaries. */
  pushScope(): void {
    this.#arena.push();
  }

  /** Storage with unspecified content, until the innermost scope ends. */
  scratch(length: number): WasmStorage {
    return new WasmStorage(this.#arena.take(length * BYTES), length);
  }

  /** Ends the innermost scope. */
  popScope(): void {
    this.#arena.pop();
  }

  /** Calls a kernel with the address of `bytes` bytes of workspace, 64-byte aligned. */
  withWorkspace(bytes: number, call: (workspace: Address) => void): void {
    this.#arena.push();
    try {
      call(this.#arena.take(bytes) as Address);
    } finally {
      this.#arena.pop();
    }
  }

  /** Runs `body`; what it takes by {@linkcode Machine.temporary} is given back when it ends. */
  scope(body: () => void): void {
    this.#arena.push();
    try {
      body();
    } finally {
      this.#arena.pop();
    }
  }

  /** A contiguous matrix of unspecified content, until the innermost scope ends. */
  temporary(rows: number, cols: number): Matrix {
    return { storage: this.scratch(rows * cols), offset: 0, rows, cols, stride: cols };
  }

  /** The number behind a scalar. */
  value(scalar: Scalar): number {
    return typeof scalar === "number" ? scalar : this.memory.view[addressOf(scalar) / BYTES];
  }

  /** The numbers of a row [1, n], in place. */
  row(m: Matrix): Float32Array {
    const from = addressOf(m) / BYTES;
    return this.memory.view.subarray(from, from + m.cols);
  }

  /** Stores the number of a [1, 1] matrix. */
  setValue(out: Matrix, value: number): void {
    this.memory.view[addressOf(out) / BYTES] = value;
  }
}

/** The address of a matrix's first element; 0 for one that is left out. */
export function addressOf(m: Matrix | undefined): Address {
  return (m === undefined ? 0 : (m.storage as WasmStorage).address + m.offset * BYTES) as Address;
}
