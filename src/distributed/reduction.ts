/**
 * Sums of matrices over the ranks of a group: what makes the steps of all of them one step.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { GroupError, OptionError } from "../core/errors.ts";
import type { Group, Summable } from "./group.ts";
import { packedSize, packInto, type Summand, unpackFrom } from "./packing.ts";

/** What ranks do together in a step. Without a group it costs nothing. */
export interface Reduction {
  /** Number of this rank. */
  readonly rank: number;
  /** Number of ranks. */
  readonly size: number;
  /** The sums over all ranks, in place. */
  sum(...summands: readonly Summand[]): void;
  /**
   * What each rank has to say, by rank.
   *
   * @param numbers Makes this rank's numbers; where it throws on one rank, all throw.
   * @throws {GroupError} Where it has thrown on another rank.
   */
  gather(numbers: () => readonly number[]): readonly (readonly number[])[];
  /** Leaves the group, which the others then cannot use any more, either. */
  leave(): void;
}

/** What the examples of a rank are a part of. */
export interface Whole extends Pick<Reduction, "sum"> {
  /** Examples of all ranks. */
  readonly examples: number;
}

/** Bytes that are summed at a time, unless a single matrix has more: what is held besides the matrices. */
const BUCKET = 25_000_000;

/** Of a rank that is all there is. */
export const alone: Reduction = {
  rank: 0,
  size: 1,
  sum() {},
  gather: (numbers) => [numbers()],
  leave() {},
};

/**
 * The reduction of a group.
 *
 * @param subject What is being made, for messages.
 * @param backend One on which verbs have finished when they return.
 * @throws {OptionError} Where the group cannot wait for others within a step.
 */
export function reductionOf(
  subject: string,
  backend: Backend,
  group: Group | undefined,
): Reduction {
  if (group === undefined || group.size === 1) return alone;
  if (!group.canBlock) {
    const expectation =
      "must be able to block, as groups of threads and of MPI are: within a step, ranks wait for each other";
    throw new OptionError(subject, "group", expectation, `a group of ${group.name}`);
  }
  return new GroupReduction(backend, group);
}

class GroupReduction implements Reduction {
  readonly rank: number;
  readonly size: number;
  readonly #backend: Backend;
  readonly #group: Group;
  /** Room for a bucket, kept from step to step. */
  #room: Summable = new Float32Array(0);

  constructor(backend: Backend, group: Group) {
    this.rank = group.rank;
    this.size = group.size;
    this.#backend = backend;
    this.#group = group;
  }

  sum(...summands: readonly Summand[]): void {
    for (const bucket of this.#buckets(summands)) this.#sumTogether(bucket);
  }

  gather(numbers: () => readonly number[]): readonly (readonly number[])[] {
    let own: readonly number[] = [];
    let failure: { readonly error: unknown } | undefined;
    try {
      own = numbers();
    } catch (error) {
      failure = { error };
    }
    const parts = this.#group.allGather(Float64Array.of(failure === undefined ? 0 : 1, ...own));
    if (failure !== undefined) throw failure.error;
    const failed = parts.findIndex(([status]) => status !== 0);
    if (failed >= 0) {
      throw new GroupError(
        `Cannot go on together: rank ${failed} of ${this.size} refuses its part; see its message. Nothing is changed`,
        { rank: failed },
      );
    }
    return parts.map((part) => [...part.subarray(1)]);
  }

  leave(): void {
    this.#group[Symbol.dispose]();
  }

  *#buckets(summands: readonly Summand[]): Generator<readonly Summand[]> {
    const most = BUCKET / this.#bytesPerNumber;
    let bucket: Summand[] = [];
    let length = 0;
    for (const summand of summands) {
      const size = packedSize(summand);
      if (bucket.length > 0 && length + size > most) {
        yield bucket;
        [bucket, length] = [[], 0];
      }
      bucket.push(summand);
      length += size;
    }
    if (bucket.length > 0) yield bucket;
  }

  #sumTogether(bucket: readonly Summand[]): void {
    const length = bucket.reduce((sum, summand) => sum + packedSize(summand), 0);
    const numbers = this.#roomFor(length);
    let at = 0;
    for (const summand of bucket) {
      packInto(numbers, at, summand, this.#backend.readSync(summand.matrix));
      at += packedSize(summand);
    }
    this.#group.allReduce(numbers);
    at = 0;
    for (const summand of bucket) {
      this.#backend.write(summand.matrix, unpackFrom(numbers, at, summand));
      at += packedSize(summand);
    }
  }

  #roomFor(length: number): Summable {
    if (this.#room.length < length) {
      this.#room = this.#bytesPerNumber === 4 ? new Float32Array(length) : new Float64Array(length);
    }
    return this.#room.subarray(0, length);
  }

  /** Sums are of the backend's own kind of numbers. */
  get #bytesPerNumber(): number {
    return this.#backend.info.roundoff > 2 ** -30 ? 4 : 8;
  }
}
