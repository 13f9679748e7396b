/**
 * What it takes for ranks to keep different layers' curvature.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";

/** Curvature of a layer, as far as it matters who keeps it; see `Block`. */
export interface Keepable {
  /** Its matrices. */
  readonly state: Readonly<Record<string, Matrix>>;
  /** There where it need not be kept by all. */
  readonly lent?: object;
  /** Told a trace that another rank keeps. */
  readonly damping: { elsewhere: readonly [Matrix, Matrix?] | undefined };
  /** A number, [1, 1], or two whose product it is. */
  trace?(): readonly [Matrix, Matrix?];
}

/** What blocks that are kept elsewhere are lent. */
export interface Loan<T> {
  /** Matrices as their keepers have them. */
  readonly lent: (block: T) => readonly Matrix[];
  /** Matrices that are written first. @default {none} */
  readonly room?: (block: T) => readonly Matrix[];
}

/**
 * Which ranks keep which blocks. All ranks call the same methods in the same order, with the same blocks. The caller
 * disposes it.
 */
export interface Keeping<T> extends Disposable {
  /** Whether there are blocks that some ranks do not keep. */
  readonly divided: boolean;
  /** Takes notice of the next block, which stays the caller's. Where this rank does not keep it, its memory is given back. */
  admit<B extends T>(block: B): B;
  /** Whether some ranks do not keep a block. */
  isDivided(block: T): boolean;
  /** Whether this rank keeps a block. */
  keeps(block: T): boolean;
  /** The ranks that keep a block, ascending. */
  keepersOf(block: T): readonly number[];
  /** Whether this rank is the one with which a block's past counts, in sums over all. */
  speaksFor(block: T): boolean;
  /**
   * Shows blocks, some at a time, so that what is lent stays small. In the scope of `body` those that are kept elsewhere
   * have what they are lent, and lose it afterwards.
   */
  visit(blocks: readonly T[], loan: Loan<T>, body: (some: readonly T[]) => void): void;
  /** Sends matrices of blocks from those who keep them to those who do not. */
  send(blocks: readonly T[], matricesOf: (block: T) => readonly Matrix[]): void;
  /** Called when traces have changed. */
  forgetTraces(): void;
  /** Tells all ranks the traces of all blocks, from which lambdas follow, where they have changed. */
  shareTraces(): void;
  /** What all ranks have to say, by rank. */
  gather(part: Uint8Array): readonly Uint8Array[];
}

/** Of a rank that is all there is. */
export function keptAlone<T>(): Keeping<T> {
  return {
    divided: false,
    admit: (block) => block,
    isDivided: () => false,
    keeps: () => true,
    keepersOf: () => [0],
    speaksFor: () => true,
    visit: (blocks, _, body) => body(blocks),
    send() {},
    forgetTraces() {},
    shareTraces() {},
    gather: (part) => [part],
    [Symbol.dispose]() {},
  };
}
