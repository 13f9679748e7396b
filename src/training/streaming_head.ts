/**
 * A classifier that learns while examples come in, and while classes do.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { DataError, OptionError, ShapeError, StateError } from "../core/errors.ts";
import { Random } from "../core/random.ts";
import { callback, maybe, number, optional, resolve, type SchemaOf } from "../core/schema.ts";
import { KeptModel } from "../model/kept_model.ts";
import type { Prediction } from "../model/predictions.ts";
import type { BatchLike } from "../nn/batch.ts";
import { extendClasses } from "../nn/extend_classes.ts";
import { softmaxCrossEntropy } from "../nn/losses/softmax_cross_entropy.ts";
import type { ModelObjective } from "../nn/model_objective.ts";
import { head } from "../nn/models/head.ts";
import { objective } from "../nn/objective.ts";
import { sequential } from "../nn/sequential.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { Pause } from "../core/pause.ts";

/** Options of {@linkcode StreamingHead}. */
export interface StreamingHeadOptions {
  /** Numbers of an example, >= 1. */
  readonly features: number;
  /** Units of a layer between features and classes, >= 1. @default {no such layer} */
  readonly hidden?: number;
  /** Makes the optimizer, which the head disposes: `tekfac`, or `(goal) => adam(goal, { learningRate: 3e-3 })`. */
  readonly optimizer: (goal: ModelObjective) => Optimizer<BatchLike>;
  /** Examples of a step, >= 1. @default {32} */
  readonly batchSize?: number;
  /** Examples of each class that are remembered, the latest ones, >= 1. @default {1000} */
  readonly capacity?: number;
  /** Of initial weights and of the examples of each step. @default {0} */
  readonly seed?: number;
}

const count = number({ min: 1, integer: true });

const schema = {
  features: count,
  hidden: maybe(count),
  optimizer: callback<StreamingHeadOptions["optimizer"]>(
    "a function that makes one, such as tekfac or adam",
  ),
  batchSize: optional(count, 32),
  capacity: optional(count, 1000),
  seed: optional(number(), 0),
} satisfies SchemaOf<StreamingHeadOptions>;

/**
 * A head on the features of another network, for a page in which examples, and classes, are added while it is open.
 *
 * Every step draws classes with equal chances, and an example of each: a class of a few examples counts as much as
 * one of hundreds, and one that has just begun is learned at once. A new class widens the last layer: weights stay, and
 * the optimizer begins anew, with its curvature, averages and momentum, at the next `learn`.
 *
 * @example A second class, and a third that comes later
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, tekfac } from "@tekfac/tekfac";
 * import { Random } from "@tekfac/tekfac/core";
 * import { saveModel } from "@tekfac/tekfac/model";
 * import { StreamingHead } from "@tekfac/tekfac/training";
 *
 * const random = new Random(1);
 * const example = (at: number) => Array.from({ length: 8 }, (_, i) => 3 * Number(i === at) + random.normal());
 *
 * using backend = await createBackend();
 * using stream = new StreamingHead(backend, { features: 8, optimizer: tekfac });
 * for (let i = 0; i < 20; i++) {
 *   stream.add(example(0), "cat");
 *   stream.add(example(1), "dog");
 * }
 * await stream.learn(10);
 * for (let i = 0; i < 5; i++) stream.add(example(2), "bird");
 * await stream.learn(10);
 * const { label } = await stream.predict(example(2).map((x, i) => x + 2 * Number(i === 2)));
 * assert.equal(label, "bird");
 * assert((await saveModel(stream.model!)).length > 0);
 * ```
 */
export class StreamingHead implements Disposable {
  readonly #backend: Backend;
  readonly #options: ReturnType<typeof resolve<typeof schema>>;
  readonly #random: Random;
  readonly #examples = new Map<string, Float32Array[]>();
  #kept: KeptModel | undefined;
  #optimizer: Optimizer<BatchLike> | undefined;
  #learning = false;

  /**
   * Allocates nothing yet.
   *
   * @param backend Where it lives; must outlive it.
   * @throws {OptionError} When an option is unknown, missing or out of range.
   */
  constructor(backend: Backend, options: StreamingHeadOptions) {
    this.#backend = backend;
    this.#options = resolve("Cannot create a streaming head", options, schema);
    this.#random = new Random(this.#options.seed);
  }

  /** Names of all classes, in the order in which they came. */
  get labels(): readonly string[] {
    return [...this.#examples.keys()];
  }

  /** The model of the classes that have been learned, for `saveModel`; `undefined` before `learn`. */
  get model(): KeptModel | undefined {
    return this.#kept;
  }

  /**
   * Remembers an example; a name that is new begins a class. May be called while it learns.
   *
   * @param features Its numbers, copied.
   * @throws {ShapeError | DataError} When they are too few or too many, or not finite.
   */
  add(features: ArrayLike<number>, label: string): void {
    const { features: size, capacity } = this.#options;
    this.#check("Cannot add an example", features, size);
    const known = this.#examples.get(label) ?? [];
    known.push(Float32Array.from(features));
    if (known.length > capacity) known.shift();
    this.#examples.set(label, known);
  }

  /**
   * Takes steps on what is remembered; waits for a turn of the event loop every tenth of a second.
   *
   * @param steps How many, >= 1.
   * @returns The mean loss of the examples of these steps.
   * @throws {StateError} With fewer than two classes, or while it learns already.
   * @throws {NumericalError} When a loss, a gradient or an update is not finite.
   * @throws The reason of the signal, when it is aborted.
   */
  async learn(
    steps: number,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<number> {
    const subject = "Cannot learn";
    if (!Number.isInteger(steps) || steps < 1) {
      throw new OptionError(subject, "steps", "must be an integer >= 1", steps);
    }
    if (this.#learning) throw new StateError(`${subject}: the last learn() has not ended`);
    this.#learning = true;
    try {
      const pause = new Pause();
      let sum = 0;
      for (let step = 0; step < steps; step++) {
        signal?.throwIfAborted();
        sum += (await this.#grown(subject).step(this.#draw()).report()).loss;
        await pause.take();
      }
      return sum / steps;
    } finally {
      this.#learning = false;
    }
  }

  /**
   * What the classes learned so far say of an example.
   *
   * @throws {StateError} Before `learn`.
   * @throws {ShapeError | DataError} When the features are none of an example.
   */
  async predict(features: ArrayLike<number>): Promise<Prediction> {
    if (this.#kept === undefined) throw new StateError("Cannot predict before learn()");
    return await this.#kept.predictOne(features);
  }

  /** Disposes model and optimizer. */
  [Symbol.dispose](): void {
    this.#optimizer?.[Symbol.dispose]();
    this.#kept?.[Symbol.dispose]();
    this.#examples.clear();
    this.#kept = this.#optimizer = undefined;
  }

  /** The optimizer of a model with all classes, made anew where one has come. */
  #grown(subject: string): Optimizer<BatchLike> {
    const labels = this.labels;
    if (labels.length < 2) {
      throw new StateError(
        `${subject}: expected examples of two classes, received ${labels.length}`,
      );
    }
    const { features, hidden, optimizer, seed } = this.#options;
    if (this.#optimizer !== undefined && this.#kept!.labels!.length === labels.length) {
      return this.#optimizer;
    }
    const old = this.#kept?.model;
    const model = old === undefined
      ? sequential(this.#backend, {
        input: [features],
        layers: head({ classes: labels.length, ...hidden === undefined ? {} : { hidden } }),
        seed,
      })
      : extendClasses(old, labels.length);
    const kept = new KeptModel(model, { outputs: "softmax", labels });
    let made: Optimizer<BatchLike>;
    try {
      made = optimizer(objective(model, softmaxCrossEntropy()));
    } catch (error) {
      kept[Symbol.dispose]();
      throw error;
    }
    this.#optimizer?.[Symbol.dispose]();
    this.#kept?.[Symbol.dispose]();
    this.#kept = kept;
    this.#optimizer = made;
    return made;
  }

  #draw(): BatchLike {
    const { batchSize, features } = this.#options;
    const classes = [...this.#examples.values()];
    const inputs = new Float32Array(batchSize * features);
    const targets = new Int32Array(batchSize);
    for (let n = 0; n < batchSize; n++) {
      targets[n] = this.#random.integer(classes.length);
      const own = classes[targets[n]];
      inputs.set(own[this.#random.integer(own.length)], n * features);
    }
    return { inputs, targets };
  }

  #check(subject: string, features: ArrayLike<number>, size: number): void {
    if (features.length !== size) {
      throw new ShapeError(subject, `${size} numbers`, `${features.length}`);
    }
    const at = Array.prototype.findIndex.call(features, (x) => !Number.isFinite(x));
    if (at < 0) return;
    throw new DataError("example", `expected finite numbers, received ${features[at]} at ${at}`);
  }
}
