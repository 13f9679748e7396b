/**
 * Which ranks of a group keep the curvature of which layers.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { giveAway, lend } from "../core/away.ts";
import { columnsOf, type Matrix, type OwnedMatrix, rowsOf } from "../core/matrix.ts";
import type { Keepable, Keeping, Loan } from "./keeping.ts";
import type { Reduction } from "./reduction.ts";
import type { WorkerGrid } from "./worker_grid.ts";

/** Bytes that are lent at a time, unless a single layer has more. */
const BUNDLE = 25_000_000;

/**
 * Without a grid all ranks keep all blocks. With one, a block that can be lent (`Block.lent`) is kept by the
 * ranks that make its directions; on the others its state takes no memory. They observe all the same, with their own
 * examples: meanwhile they are lent the basis, and room for sums, which go to the keepers. Blocks of other kinds stay on
 * all ranks.
 */
export class Keepers<T extends Keepable> implements Keeping<T> {
  readonly #backend: Backend;
  readonly #reduction: Reduction;
  readonly #grid: WorkerGrid | undefined;
  /** By block: its index, for the grid. */
  readonly #indices = new Map<T, number>();
  readonly #bytesPerNumber: number;
  /** Traces of the blocks that are not kept by all, [blocks, 2], each a product of two; the same on all ranks. */
  readonly #traces: OwnedMatrix | undefined;
  #divided = false;
  #knowsTraces = false;

  /**
   * The caller disposes it.
   *
   * @param count Of the blocks that will be admitted.
   * @param grid Who makes the directions of which block. @default {all ranks those of all}
   */
  constructor(backend: Backend, reduction: Reduction, count: number, grid?: WorkerGrid) {
    this.#backend = backend;
    this.#reduction = reduction;
    this.#grid = grid !== undefined && grid.workers < reduction.size ? grid : undefined;
    this.#bytesPerNumber = backend.info.roundoff > 2 ** -30 ? 4 : 8;
    if (this.#grid !== undefined) this.#traces = backend.alloc(count, 2);
  }

  /** Takes notice of the next block, which stays the caller's. Where this rank does not keep it, its memory is given back. */
  admit<B extends T>(block: B): B {
    this.#indices.set(block, this.#indices.size);
    this.#divided ||= this.isDivided(block);
    if (this.keeps(block)) return block;
    block.damping.elsewhere = this.#traceOf(block);
    // What a block calls its state are the matrices that it has allocated.
    for (const matrix of Object.values(block.state)) giveAway(matrix as OwnedMatrix);
    return block;
  }

  /** Whether there are blocks that some ranks do not keep. */
  get divided(): boolean {
    return this.#divided;
  }

  /** Whether some ranks do not keep a block. */
  isDivided(block: T): boolean {
    return this.#grid !== undefined && block.lent !== undefined;
  }

  /** Whether this rank keeps a block. */
  keeps(block: T): boolean {
    return !this.isDivided(block) || this.#grid!.does(this.#indexOf(block), this.#reduction.rank);
  }

  /** The ranks that keep a block, ascending. */
  keepersOf(block: T): readonly number[] {
    if (this.isDivided(block)) return this.#grid!.doersOf(this.#indexOf(block));
    return Array.from({ length: this.#reduction.size }, (_, rank) => rank);
  }

  /** Whether this rank is the one with which a block's past counts, in sums over all. */
  speaksFor(block: T): boolean {
    const speaker = this.isDivided(block) ? this.keepersOf(block)[0] : 0;
    return speaker === this.#reduction.rank;
  }

  /**
   * Shows blocks, some at a time, so that what is lent stays small. In the scope of `body` those that are kept elsewhere
   * have what they are lent, and lose it afterwards.
   */
  visit(
    blocks: readonly T[],
    { lent, room = () => [] }: Loan<T>,
    body: (some: readonly T[]) => void,
  ): void {
    for (const some of this.#bundles(blocks, (block) => [...lent(block), ...room(block)])) {
      this.#backend.scope(() => {
        const away = some.filter((block) => !this.keeps(block))
          .flatMap((block) => [...lent(block), ...room(block)])
          .map((matrix) => lend(matrix, this.#backend.scratch(matrix.rows, matrix.cols)));
        try {
          this.send(some.filter((block) => this.isDivided(block)), lent);
          body(some);
        } finally {
          for (const takeBack of away) takeBack();
        }
      });
    }
  }

  /** Sends matrices of blocks from those who keep them to those who do not. */
  send(blocks: readonly T[], matricesOf: (block: T) => readonly Matrix[]): void {
    const all = blocks.flatMap((block) =>
      matricesOf(block).map((matrix) => ({ matrix, index: this.#indexOf(block) }))
    );
    if (all.length === 0) return;
    const supplierOf = (i: number, rank: number) => this.#grid!.supplierOf(all[i].index, rank);
    this.#reduction.supply(all.map(({ matrix }) => matrix), supplierOf);
  }

  /** Called when traces have changed. */
  forgetTraces(): void {
    this.#knowsTraces = false;
  }

  /** Tells all ranks the traces of all blocks, from which lambdas follow, where they have changed. */
  shareTraces(): void {
    if (this.#traces === undefined || this.#knowsTraces) return;
    const backend = this.#backend;
    const table = this.#traces;
    backend.axpby(table, 0, table, 0);
    backend.scope(() => {
      for (const block of this.#indices.keys()) {
        if (!this.isDivided(block) || !this.speaksFor(block)) continue;
        const [first, second] = block.trace!();
        const [one, other] = this.#traceOf(block);
        backend.axpby(one, 1, first, 0);
        if (second === undefined) backend.write(other, [1]);
        else backend.axpby(other, 1, second, 0);
      }
    });
    this.#reduction.sum({ matrix: table });
    this.#knowsTraces = true;
  }

  /** What all ranks have to say, by rank. */
  gather(part: Uint8Array): readonly Uint8Array[] {
    return this.#reduction.gather(part);
  }

  /** Gives its own table back. */
  [Symbol.dispose](): void {
    this.#traces?.[Symbol.dispose]();
  }

  #indexOf(block: T): number {
    return this.#indices.get(block)!;
  }

  #traceOf(block: T): readonly [Matrix, Matrix] {
    const index = this.#indexOf(block);
    const row = rowsOf(this.#traces!, index, index + 1);
    return [columnsOf(row, 0, 1), columnsOf(row, 1, 2)];
  }

  /** As many blocks at a time as fit; the same on all ranks. */
  *#bundles(
    blocks: readonly T[],
    matricesOf: (block: T) => readonly Matrix[],
  ): Generator<readonly T[]> {
    let [some, bytes]: [T[], number] = [[], 0];
    for (const block of blocks) {
      const numbers = this.isDivided(block)
        ? matricesOf(block).reduce((sum, { rows, cols }) => sum + rows * cols, 0)
        : 0;
      if (some.length > 0 && bytes + numbers * this.#bytesPerNumber > BUNDLE) {
        yield some;
        [some, bytes] = [[], 0];
      }
      some.push(block);
      bytes += numbers * this.#bytesPerNumber;
    }
    if (some.length > 0) yield some;
  }
}
