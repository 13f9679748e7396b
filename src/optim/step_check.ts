/**
 * A step that turns out to have been too long is taken back.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { atLayer } from "../core/at_layer.ts";
import { columnsOf, type Matrix, type OwnedMatrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import { Owner } from "../curvature/blocks/block.ts";
import type { AveragedWeights } from "./average.ts";
import type { StepBatches } from "./step_batches.ts";
import type { StepRow } from "./step_row.ts";
import { shortenByRejection } from "./transforms/step_length.ts";

/** A loss that grows by more than this share of itself is looked into. */
const GROWTH = 1;

/** Share of the first loss below which growth is of no concern: there it may be rounding. */
const FLOOR = 1e-6;

/** What the length is multiplied with when a step has been taken back. */
const SHORTER = 1 / 4;

/** What it is multiplied with in every step after that, until it is whole again. */
const LONGER = 1.1;

/** Steps that are looked at as soon as they are taken, after one that was taken back: cliffs come in company. */
const WATCHED = 100;

/** How often such a step is shortened before it is given up. */
const TRIES = 4;

/**
 * Keeps the weights from before the last step, for one that more than doubles the loss of a batch: no model of
 * the loss sees a cliff. The next batch's loss says when to look: where it is more than twice the last one, its
 * loss at the old weights decides. Steps after that begin at a quarter of their length.
 *
 * @example A loss that doubles is suspect, one that falls is not
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 *
 * using backend = await createBackend();
 * using value = backend.alloc(1, 1);
 * using gradient = backend.alloc(1, 1);
 * const parameter = { name: "w", layer: { kind: "other" }, value, gradient } as const;
 * using check = new StepCheck(backend, [parameter]);
 * check.keep(1);
 * backend.write(value, [7]); // a step
 * check.seal();
 * assert.equal(check.suspects(0.9), false);
 * assert.equal(check.suspects(2.1), true);
 * check.swap(); // to the old weights, to look at the loss there
 * assert.equal(backend.readSync(value)[0], 0);
 * assert.equal(check.isTooLong(1, 2.1), true);
 * check.shorten();
 * assert.equal(check.scale, 1 / 4);
 * ```
 */
export class StepCheck extends Owner {
  /** Weights before the last step, one matrix per parameter; part of a checkpoint. */
  kept: readonly OwnedMatrix[];
  /** Where the next weights are kept: the others stay until it is certain that the step is taken. */
  #spare: readonly OwnedMatrix[];
  /** Squared norms of the weights after the last step, [1, parameters]: whether others have changed them since. */
  readonly #seals: OwnedMatrix;
  /** Factor of the next step's length, in (0, 1]. Part of a checkpoint, as are the losses. */
  scale = 1;
  /** Steps still to be looked at as soon as they are taken. Part of a checkpoint. */
  watched = 0;
  /** Loss of the last step; `undefined` where no step can be taken back. */
  lastLoss: number | undefined;
  /** Loss of the first step. */
  firstLoss: number | undefined;
  readonly #backend: Backend;
  readonly #parameters: readonly Parameter[];

  /** Allocates twice as much as the weights take. The caller disposes it. */
  constructor(backend: Backend, parameters: readonly Parameter[]) {
    super();
    this.#backend = backend;
    this.#parameters = parameters;
    this.#seals = this.alloc(backend, 1, parameters.length);
    [this.kept, this.#spare] = [0, 1].map(() =>
      parameters.map(({ name, value: { rows, cols } }) =>
        atLayer(name, () => this.alloc(backend, rows, cols))
      )
    );
  }

  /** Matrices whose numbers are nobody's. */
  get spare(): readonly Matrix[] {
    return this.#spare;
  }

  /** Notes which weights are kept; the result puts it back. */
  mark(): () => void {
    const [kept, spare] = [this.kept, this.#spare];
    return () => {
      [this.kept, this.#spare] = [kept, spare];
    };
  }

  /** Its matrices by name; for checkpoints. */
  get state(): Readonly<Record<string, Matrix>> {
    const kept = this.#parameters.map(({ name }, index) => [`${name}.before`, this.kept[index]]);
    return { ...Object.fromEntries(kept), "step.seals": this.#seals };
  }

  /**
   * Its numbers, for checkpoints: the scale, the steps to be watched, the first loss and the last one, as far as there
   * are any.
   */
  get memory(): readonly number[] {
    const { scale, watched, firstLoss, lastLoss } = this;
    return [scale, watched, firstLoss, lastLoss].filter((number) => number !== undefined);
  }

  set memory([scale, watched, first, last]: readonly number[]) {
    this.scale = scale;
    this.watched = watched;
    this.firstLoss = first;
    this.lastLoss = last;
  }

  /** Called before a step is applied, with the loss of its batch. */
  keep(loss: number): void {
    this.#parameters.forEach(({ value }, index) => {
      this.#backend.axpby(this.#spare[index], 1, value, 0);
    });
    [this.kept, this.#spare] = [this.#spare, this.kept];
    this.lastLoss = loss;
    this.firstLoss ??= loss;
    this.scale = Math.min(1, LONGER * this.scale);
    this.watched = Math.max(0, this.watched - 1);
  }

  /** Called when a step has its length. */
  seal(): void {
    this.#norms(this.#seals);
  }

  /**
   * Whether the last step should be looked into, now that the next batch has this loss. Never where somebody
   * else has changed the weights since: they are not this step's to take back.
   */
  suspects(loss: number): boolean {
    if (this.lastLoss === undefined || !this.isTooLong(this.lastLoss, loss)) return false;
    const backend = this.#backend;
    return backend.scope(() => {
      const now = backend.scratch(1, this.#parameters.length);
      this.#norms(now);
      const expected = backend.readSync(this.#seals);
      return backend.readSync(now).every((norm, index) => norm === expected[index]);
    });
  }

  #norms(out: Matrix): void {
    this.#parameters.forEach(({ value }, index) => {
      this.#backend.dot(columnsOf(out, index, index + 1), value, value);
    });
  }

  /** Whether a loss has grown too much: more than doubled, counted from a share of the first one. */
  isTooLong(before: number, after: number): boolean {
    const floor = FLOOR * Math.abs(this.firstLoss ?? 0);
    return !Number.isFinite(after) || after - before > GROWTH * Math.max(Math.abs(before), floor);
  }

  /** Exchanges the weights and those that are kept. */
  swap(): void {
    const backend = this.#backend;
    backend.scope(() => {
      this.#parameters.forEach(({ value }, index) => {
        const place = backend.scratch(value.rows, value.cols);
        backend.axpby(place, 1, value, 0);
        backend.axpby(value, 1, this.kept[index], 0);
        backend.axpby(this.kept[index], 1, place, 0);
      });
    });
  }

  /** Called when the old weights are to stay: the next steps are shorter, and this one is history. */
  shorten(): void {
    this.scale *= SHORTER;
    this.watched = WATCHED;
    this.lastLoss = undefined;
  }

  /**
   * Looks at a step that has just been taken, while steps are watched: where it has more than doubled its own batch's
   * loss, a quarter of it remains, and of that again, until the loss has not grown at all; nothing at last.
   *
   * @param lossNow The batch's mean loss at the weights as they are.
   * @returns What share of the step remains, 1 for all of it.
   */
  shortenWhileTooLong(lossNow: () => number): number {
    const before = this.lastLoss;
    let share = 1;
    if (this.watched === 0 || before === undefined) return share;
    let tooLong = this.isTooLong(before, lossNow());
    for (let tries = 1; tooLong; tries++) {
      const rest = tries < TRIES ? SHORTER : 0;
      this.#parameters.forEach(({ value }, index) => {
        this.#backend.axpby(value, 1 - rest, this.kept[index], rest);
      });
      this.scale *= SHORTER;
      this.watched = WATCHED;
      share *= rest;
      tooLong = rest > 0 && !(lossNow() <= before);
    }
    return share;
  }
}

/** Whether a checkpoint's numbers can be those of a {@linkcode StepCheck}. */
export function isStepMemory(memory: unknown): boolean {
  return Array.isArray(memory) && memory.length >= 2 && memory.length <= 4 &&
    memory.every(Number.isFinite) && memory[0] > 0 && memory[0] <= 1 &&
    Number.isInteger(memory[1]) && memory[1] >= 0 && memory[1] <= WATCHED;
}

/** What a step that is taken back concerns. */
export interface TakingBack {
  /** Knows the weights before it, where steps are taken back at all. */
  readonly stepCheck: StepCheck | undefined;
  /** Has followed it, where there is one. */
  readonly average: AveragedWeights | undefined;
}

/** Takes the last step back where it turns out to have been too long; gradients are then of the old weights. */
export function takeBackLastStep<B>(
  { stepCheck: check, average }: TakingBack,
  backend: Backend,
  batches: StepBatches<B>,
  row: StepRow,
): void {
  if (check === undefined) return;
  const after = backend.readSync(row.loss)[0];
  if (!check.suspects(after)) return;
  check.swap();
  const before = meanLoss(backend, batches);
  if (check.isTooLong(before, after)) {
    average?.amend(check.kept);
    check.shorten();
  } else check.swap();
  batches.differentiate(row);
}

/**
 * Ends a step whose weights have moved: it is shortened where steps are watched and it is too long, as its row then
 * says, and is averaged.
 */
export function endStep<B>(
  { stepCheck, average }: TakingBack,
  backend: Backend,
  batches: StepBatches<B>,
  row: Pick<StepRow, "clip" | "limit">,
): void {
  const share = stepCheck?.shortenWhileTooLong(() => meanLoss(backend, batches)) ?? 1;
  if (share < 1) shortenByRejection(backend, row, share);
  stepCheck?.seal();
  average?.end();
}

function meanLoss<B>(backend: Backend, batches: StepBatches<B>): number {
  return backend.scope(() => {
    const mean = backend.scratch(1, 1);
    batches.meanLoss(mean);
    return backend.readSync(mean)[0];
  });
}
