/**
 * The reduction of a group: sums of matrices, and what is said at the beginning of a step.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Places } from "../core/capture.ts";
import { digestOf } from "../core/digest.ts";
import { GroupError, NumericalError, ShapeError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Group, Ticket } from "./group.ts";
import { type Decomposition, DecompositionSeconds } from "./decomposition_seconds.ts";
import { Keepers } from "./keepers.ts";
import type { Keepable, Keeping } from "./keeping.ts";
import { type Directing, type Layers, layerSeconds } from "./layer_seconds.ts";
import type { Network } from "./network.ts";
import type { Summable } from "./numbers.ts";
import { packedSize, packInto, type Summand, unpackFrom } from "./packing.ts";
import type { Reduction, Stepping } from "./reduction.ts";
import { shareOut } from "./share_out.ts";
import type { SharedWork, Task } from "./shared_work.ts";
import { WorkerGrid, workersOf } from "./worker_grid.ts";
import { Workers } from "./workers.ts";
import type { Working } from "./working.ts";
import { placesOf } from "./shares.ts";

/** Bytes that are summed at a time, unless a single matrix has more: what is held besides the matrices. */
const BUCKET = 25_000_000;

/** Bytes that are enough for a message while the caller computes on. */
const PIECE = 1 << 18;

/** Steps until all weights are compared again; the numbers of a step are in every one. */
const COMPARED = 100;

/** Times that supplying is measured, of which the fastest counts. */
const LOOKS = 5;

/** Said in the place of a step's number by ranks that take none. */
const GATHERING = -1;

/** Numbers that are sent to measure it. */
const LOOKED_AT = 1 << 18;

/** Of a group that can block, and a backend on which verbs have finished when they return. */
export class GroupReduction implements Reduction {
  readonly rank: number;
  readonly size: number;
  readonly #backend: Backend;
  readonly #group: Group;
  /** Room for a bucket, kept from step to step. */
  #room: Summable = new Float32Array(0);
  /** Of what is begun: too little for a message so far. */
  readonly #collected: Summand[] = [];
  /** The sum that is under way, at most one. */
  #underway: Ticket | undefined;
  /** Of the last step's numbers. */
  #digest = 0;
  /** Steps begun. */
  #meetings = 0;
  readonly #seconds: DecompositionSeconds;

  /** Neither is owned. */
  constructor(backend: Backend, group: Group) {
    this.rank = group.rank;
    this.size = group.size;
    this.#backend = backend;
    this.#group = group;
    this.#seconds = new DecompositionSeconds(backend, (numbers) => this.#added(numbers));
  }

  sum(...summands: readonly Summand[]): void {
    const all = [...this.#collected.splice(0), ...summands];
    this.#settle();
    for (const bucket of this.#buckets(all)) this.#begin(bucket).finish();
  }

  begin(...summands: readonly Summand[]): void {
    this.#collected.push(...summands);
    const size = this.#collected.reduce((sum, summand) => sum + packedSize(summand), 0);
    if (size * this.#bytesPerNumber < PIECE) return this.#underway?.advance();
    this.#settle();
    this.#underway = this.#begin(this.#collected.splice(0));
  }

  spread(
    matrices: readonly Matrix[],
    owners: readonly number[],
    takes?: (matrix: number, rank: number) => boolean,
  ): void {
    if (takes !== undefined) {
      return this.#supplyTogether(matrices, (i, rank) => takes(i, rank) ? owners[i] : rank);
    }
    const of = (rank: number) => matrices.filter((_, i) => owners[i] === rank);
    this.#group.allGather(this.#sideBySide(of(this.rank))).forEach((numbers, rank) => {
      if (rank !== this.rank) this.#writeBack(of(rank), numbers);
    });
  }

  supply(matrices: readonly Matrix[], supplierOf: (matrix: number, rank: number) => number): void {
    for (const bucket of this.#buckets(matrices.map((matrix) => ({ matrix })))) {
      const some = bucket.map(({ matrix }) => matrix);
      const first = matrices.indexOf(some[0]);
      this.#supplyTogether(some, (i, rank) => supplierOf(first + i, rank));
    }
  }

  gather(part: Uint8Array): readonly Uint8Array[] {
    this.#checkPlaces(this.#gather(() => [GATHERING, 0, 0]));
    return this.#group.allGather(part);
  }

  gridOf<B extends Directing>(
    fraction: number | "auto",
    layers: Layers<B>,
  ): WorkerGrid | undefined {
    const workers = fraction === "auto" ? this.size : workersOf(fraction, this.size);
    if (workers === this.size) return undefined;
    return new WorkerGrid(this.size, workers, this.#added(layerSeconds(this.#backend, layers)));
  }

  keeping<T extends Keepable>(count: number, grid?: WorkerGrid): Keeping<T> {
    return new Keepers(this.#backend, this, count, grid);
  }

  working(count: number, fraction: number | "auto", grid?: WorkerGrid): Working {
    return new Workers(this.#backend, this, count, fraction, grid);
  }

  secondsOf(jobs: readonly Decomposition[]): readonly number[] {
    return this.#seconds.of(jobs);
  }

  shareOut<J extends Decomposition>(tasks: readonly Task<J>[], divided: boolean): SharedWork<J> {
    return shareOut(this, tasks, divided);
  }

  measure(): Network {
    const { size } = this;
    const backend = this.#backend;
    // Each rank to each other one: `size - 1` messages, and as many times the bytes.
    const secondsOf = (numbers: number): number =>
      backend.scope(() => {
        const matrices = Array.from({ length: size }, () => backend.scratch(1, numbers));
        let least = Infinity;
        for (let i = 0; i < LOOKS; i++) {
          this.#group.barrier();
          const started = performance.now();
          this.supply(matrices, (matrix) => matrix);
          least = Math.min(least, (performance.now() - started) / 1000);
        }
        const all = this.#group.allGather(Float64Array.of(least));
        return Math.max(...all.map(([seconds]) => seconds)) / (size - 1);
      });
    const many = Math.max(1024, Math.floor(LOOKED_AT / size));
    const [short, long] = [secondsOf(1), secondsOf(many)];
    // Clocks may be too coarse to tell them apart.
    const bytes = this.#bytesPerNumber * many;
    return { latency: short, bandwidth: bytes / Math.max(long - short, bytes / 1e12) };
  }

  meet(optimizer: Stepping, sizes: () => readonly number[]): readonly Places[] {
    const all = this.#gather(() => [...this.#placeOf(optimizer), ...sizes()]);
    this.#checkPlaces(all);
    this.#meetings++;
    const counts = all.map((numbers) => numbers.slice(3));
    const odd = counts.find(({ length }) => length !== counts[0].length);
    if (odd !== undefined) {
      const received = `${counts[0].length} and ${odd.length}`;
      throw new ShapeError("Cannot step together", "as many batches on every rank", received);
    }
    return counts[0].map((_, batch) => placesOf(counts.map((each) => each[batch]), this.rank));
  }

  note(numbers: Matrix): void {
    this.#digest = this.#digestOf([numbers]);
  }

  together<T>(step: () => T): T {
    const meetings = this.#meetings;
    try {
      return step();
    } catch (error) {
      this.#collected.length = 0;
      const apart = this.#meetings > meetings && !(error instanceof NumericalError);
      if (apart) this.#group[Symbol.dispose]();
      else this.#settle();
      throw error;
    }
  }

  /** Sums over all ranks. */
  #added(numbers: readonly number[]): readonly number[] {
    return this.#backend.scope(() => {
      const sums = this.#backend.scratch(1, numbers.length);
      this.#backend.write(sums, numbers);
      this.sum({ matrix: sums });
      return Array.from(this.#backend.readSync(sums));
    });
  }

  /** What each rank has to say, by rank; where it throws on one rank, all throw. */
  #gather(numbers: () => readonly number[]): readonly (readonly number[])[] {
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

  #checkPlaces(all: readonly (readonly number[])[]): void {
    const [firstStep, firstDigest, firstWeights] = all[0];
    all.forEach(([step, digest, weights], rank) => {
      const problem = (step === GATHERING) !== (firstStep === GATHERING)
        ? `${doing(step)}, rank 0 ${doing(firstStep)}: where ranks keep different curvature ` +
          "(workerFraction), all of them save together"
        : step !== firstStep
        ? `is at step ${step}, rank 0 at step ${firstStep}: load the same checkpoint on all ranks`
        : weights !== firstWeights
        ? "has other weights than rank 0: use equal seeds, or load the same checkpoint on all ranks"
        : digest !== firstDigest
        ? "has computed other numbers than rank 0: use the same kernels on all ranks"
        : undefined;
      if (problem === undefined) return;
      throw new GroupError(`Cannot step together: rank ${rank} ${problem}`, { rank });
    });
  }

  /** Step, digest of its numbers, and of the weights, now and then. */
  #placeOf({ stepCount, objective: { parameters } }: Stepping): number[] {
    const all = this.#meetings % COMPARED === 0;
    const weights = all ? this.#digestOf(parameters.map(({ value }) => value)) : 0;
    return [stepCount, this.#digest, weights];
  }

  /** 32 bits. */
  #digestOf(matrices: readonly Matrix[]): number {
    return matrices.reduce((digest, matrix) => {
      const { buffer, byteOffset, byteLength } = this.#backend.readSync(matrix);
      const next = digestOf(new Uint8Array(buffer, byteOffset, byteLength));
      return (Math.imul(digest, 31) ^ parseInt(next.slice(0, 8), 16)) >>> 0;
    }, 0);
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

  /** Waits for what has been begun. */
  #settle(): void {
    this.#underway?.finish();
    this.#underway = undefined;
  }

  #begin(bucket: readonly Summand[]): Ticket {
    const length = bucket.reduce((sum, summand) => sum + packedSize(summand), 0);
    const numbers = this.#roomFor(length);
    let at = 0;
    for (const summand of bucket) {
      packInto(numbers, at, summand, this.#backend.readSync(summand.matrix));
      at += packedSize(summand);
    }
    const ticket = this.#group.beginAllReduce(numbers);
    const finish = () => {
      ticket.finish();
      at = 0;
      for (const summand of bucket) {
        this.#backend.write(summand.matrix, unpackFrom(numbers, at, summand));
        at += packedSize(summand);
      }
    };
    return { advance: () => ticket.advance(), finish };
  }

  #supplyTogether(
    matrices: readonly Matrix[],
    supplierOf: (matrix: number, rank: number) => number,
  ): void {
    const ranks = Array.from({ length: this.size }, (_, rank) => rank);
    const from = (supplier: number, to: number) =>
      supplier === to ? [] : matrices.filter((_, i) => supplierOf(i, to) === supplier);
    const wanted = ranks.map((supplier) => from(supplier, this.rank));
    const received = wanted.map((some) => this.#newArray(sizeOf(some)));
    this.#group.exchange(ranks.map((to) => this.#sideBySide(from(this.rank, to))), received);
    wanted.forEach((some, supplier) => this.#writeBack(some, received[supplier]));
  }

  /** The numbers of some matrices. */
  #sideBySide(matrices: readonly Matrix[]): Summable {
    const numbers = this.#newArray(sizeOf(matrices));
    let at = 0;
    for (const matrix of matrices) {
      numbers.set(this.#backend.readSync(matrix), at);
      at += matrix.rows * matrix.cols;
    }
    return numbers;
  }

  #writeBack(matrices: readonly Matrix[], numbers: Summable): void {
    let at = 0;
    for (const matrix of matrices) {
      const next = at + matrix.rows * matrix.cols;
      this.#backend.write(matrix, numbers.subarray(at, next));
      at = next;
    }
  }

  #roomFor(length: number): Summable {
    if (this.#room.length < length) this.#room = this.#newArray(length);
    return this.#room.subarray(0, length);
  }

  #newArray(length: number): Summable {
    return this.#bytesPerNumber === 4 ? new Float32Array(length) : new Float64Array(length);
  }

  /** Sums are of the backend's own kind of numbers. */
  get #bytesPerNumber(): number {
    return this.#backend.info.roundoff > 2 ** -30 ? 4 : 8;
  }
}

function doing(step: number): string {
  return step === GATHERING ? "saves" : "takes a step";
}

function sizeOf(matrices: readonly Matrix[]): number {
  return matrices.reduce((sum, { rows, cols }) => sum + rows * cols, 0);
}
