/**
 * One training: a backend, the digits, and one or two contestants that take the same batches from the
 * same initial weights.
 *
 * @module
 */

import {
  type Backend,
  batches,
  type BatchLike,
  type DatasetSplit,
  glyphs,
  type ImageDataset,
} from "@tekfac/tekfac";
import { openBackend } from "./backend.ts";
import { Contender } from "./contender.ts";
import type { Evaluation, Progress, TrainingFacts } from "./protocol.ts";
import { fixed, type Settings, stepsPerEpoch } from "./settings.ts";

/**
 * Steps that a GPU is given before it is asked for their numbers: waiting for an answer takes longer
 * than a step. Nothing is gained by it where a step is finished when it returns.
 */
const STEPS_AT_ONCE = 8;

/** A training that can be continued step by step. */
export class Training {
  /** What it was made from. */
  readonly settings: Settings;
  /** Steps in all. */
  readonly steps: number;
  /** Those who compete, one or two. */
  readonly contenders: readonly Contender[];
  readonly #backend: Backend;
  readonly #words: string;
  readonly #data: DatasetSplit<ImageDataset>;
  /** The batches to come, for the step they were asked for. */
  #coming: { readonly batches: Iterator<BatchLike>; readonly step: number } | undefined;

  private constructor(
    settings: Settings,
    backend: Backend,
    words: string,
    data: DatasetSplit<ImageDataset>,
  ) {
    this.settings = settings;
    this.steps = settings.epochs * stepsPerEpoch;
    this.#backend = backend;
    this.#words = words;
    this.#data = data;
    this.contenders = settings.contestants.map((contestant) =>
      new Contender(backend, data, contestant, { network: settings.network, steps: this.steps })
    );
  }

  /** Opens the backend, draws the digits, and makes the models. The caller disposes it. */
  static async create(settings: Settings): Promise<Training> {
    const { backend, words } = await openBackend(settings.backend);
    try {
      const { train, test, seed } = fixed;
      return new Training(settings, backend, words, glyphs({ train, test, seed }));
    } catch (error) {
      backend[Symbol.dispose]();
      throw error;
    }
  }

  /** Steps that every contender has taken. */
  get step(): number {
    return this.contenders[0].step;
  }

  /** What the page is told before the first step. */
  get facts(): TrainingFacts {
    const { settings, steps, contenders } = this;
    return {
      settings,
      steps,
      backend: this.#words,
      histories: contenders.map(({ history }) => history),
    };
  }

  /**
   * Takes a step, or a few on a GPU, never beyond an evaluation that is due.
   *
   * @param until Steps after which to stop in any case.
   */
  async advance(until: number): Promise<Progress> {
    const count = Math.min(until - this.step, this.#backend.sync ? 1 : STEPS_AT_ONCE);
    const taken = this.#take(count);
    const progress = [];
    for (const contender of this.contenders) progress.push(await contender.advance(taken));
    return progress;
  }

  /** Reads the images held back with every contender's model. */
  async evaluate(): Promise<Evaluation[]> {
    const evaluations = [];
    for (const contender of this.contenders) evaluations.push(await contender.evaluate());
    return evaluations;
  }

  /** Gives everything back. */
  [Symbol.dispose](): void {
    this.contenders.forEach((contender) => contender[Symbol.dispose]());
    this.#backend[Symbol.dispose]();
  }

  /** The batches of the next steps, as every uninterrupted training would meet them. */
  #take(count: number): BatchLike[] {
    if (this.#coming?.step !== this.step) {
      this.#coming = { batches: batchesFrom(this.#data, this.step), step: this.step };
    }
    const { batches, step } = this.#coming;
    this.#coming = { batches, step: step + count };
    // A copy: batches share a buffer.
    return Array.from({ length: count }, () => {
      const { inputs, targets } = batches.next().value as BatchLike;
      return { inputs: Float32Array.from(inputs), targets: Uint8Array.from(targets) };
    });
  }
}

/** All batches of all epochs from a step on. */
function* batchesFrom({ train }: DatasetSplit, step: number): Generator<BatchLike> {
  let skip = step % stepsPerEpoch;
  for (let epoch = Math.floor(step / stepsPerEpoch);; epoch++) {
    const shuffle = { seed: fixed.seed, epoch };
    for (const batch of batches(train, { size: fixed.batch, shuffle })) {
      if (skip-- <= 0) yield batch;
    }
  }
}
