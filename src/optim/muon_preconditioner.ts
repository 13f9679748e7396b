/**
 * Muon as a preconditioner: a block per parameter.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { StateError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import { type Schedule, valueAt } from "../core/schedule.ts";
import type { MuonBlock, MuonNumbers } from "./muon_block.ts";
import { areCounts, type Counters } from "./counters.ts";
import type { Preconditioner, PreconditionerRow } from "./preconditioner.ts";
import type { Working } from "../distributed/working.ts";

/** The numbers of Muon, checked. */
export interface MuonSettings extends Pick<MuonNumbers, "polynomials"> {
  /** Of the step. */
  readonly learningRate: Schedule;
  /** Learning rate of AdamW. */
  readonly adamRate: Schedule;
  /** By parameter. */
  readonly settings: readonly (Pick<MuonNumbers, "nesterov" | "adam"> & {
    /** Weight of the past in the velocity. */
    readonly momentum: Schedule;
  })[];
}

/** Owns the blocks of all parameters. */
export class MuonPreconditioner implements Preconditioner {
  readonly method = "muon";
  readonly #backend: Backend;
  readonly #blocks: readonly MuonBlock[];
  readonly #settings: MuonSettings;
  readonly workers: Working | undefined;

  /**
   * Takes over the blocks.
   *
   * @param workers Where ranks of a group share out the directions.
   */
  constructor(
    backend: Backend,
    blocks: readonly MuonBlock[],
    settings: MuonSettings,
    workers?: Working,
  ) {
    this.workers = workers;
    this.#backend = backend;
    this.#blocks = blocks;
    this.#settings = settings;
  }

  get plan(): string {
    const workers = this.workers === undefined ? "" : `; ${this.workers.plan}`;
    const { length } = this.#settings.polynomials;
    return `velocities and moments every step, ${length} iterations${workers}`;
  }

  get state(): Readonly<Record<string, Matrix>> {
    return Object.fromEntries(
      this.#blocks.flatMap(({ parameter: { name }, state }) =>
        Object.entries(state).map(([key, matrix]) => [`${name}.${key}`, matrix])
      ),
    );
  }

  counters(): Counters {
    return { updates: this.#blocks.map(({ count }) => count) };
  }

  restore({ updates }: Counters): void {
    if (!areCounts(updates, this.#blocks.length)) {
      throw new StateError("Cannot restore Muon: its counters are missing or damaged");
    }
    updates.forEach((count, index) => this.#blocks[index].count = count);
  }

  precondition(index: number, source: Matrix, step: number): Matrix {
    const { polynomials, settings } = this.#settings;
    const { momentum, nesterov, adam } = settings[index];
    const block = this.#blocks[index];
    const out = this.#backend.scratch(source.rows, source.cols);
    const numbers: MuonNumbers = {
      momentum: valueAt(momentum, step),
      nesterov,
      polynomials,
      adam,
      adamShare: block.method === "adam" ? 1 : this.#adamShare(step),
    };
    const direct = (orthogonal: boolean) =>
      this.#backend.scope(() => block.direction(out, source, numbers, orthogonal));
    if (this.workers === undefined) direct(true);
    else this.workers.make(index, { own: () => direct(true), others: () => direct(false) });
    return out;
  }

  /** AdamW's, of a parameter that takes nothing else. Where the learning rate is 0 nothing moves. */
  ownRate(index: number): Schedule | undefined {
    if (this.#blocks[index].method !== "adam") return undefined;
    const { learningRate, adamRate } = this.#settings;
    return (step) => valueAt(learningRate, step) === 0 ? 0 : valueAt(adamRate, step);
  }

  describe(index: number): PreconditionerRow {
    const { method, state } = this.#blocks[index];
    const elements = Object.values(state).reduce((sum, { rows, cols }) => sum + rows * cols, 0);
    return { block: method, factors: "", elements };
  }

  [Symbol.dispose](): void {
    for (const block of this.#blocks) block[Symbol.dispose]();
  }

  /** Where the learning rate is 0 nothing moves: a step has one length. */
  #adamShare(step: number): number {
    const rate = valueAt(this.#settings.learningRate, step);
    return rate === 0 ? 0 : valueAt(this.#settings.adamRate, step) / rate;
  }
}
