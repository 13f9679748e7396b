/**
 * A run that can be interrupted after any step, so that several take turns.
 *
 * @module
 */

import {
  type BatchLike,
  DataError,
  type ModelObjective,
  NumericalError,
  objective,
  type Optimizer,
  sequential,
} from "@tekfac/tekfac";
import { type Contender, create } from "../zoo/contenders.ts";
import type { Lab } from "../zoo/lab.ts";
import type { Problem, TargetTask } from "./task.ts";

/** Where a run stood at the end of an epoch. */
export interface Mark {
  /** Epochs done. */
  readonly epoch: number;
  /** Steps taken. */
  readonly steps: number;
  /** Seconds of steps and of making batches. */
  readonly seconds: number;
  /** What the task judges by. */
  readonly value: number;
}

/** How a run is set. */
export interface RunSettings {
  /** The optimizer. */
  readonly contender: Contender;
  /** Examples of a step. */
  readonly batch: number;
  /** Passes over the examples, along one cosine. */
  readonly epochs: number;
  /** Seed of weights and order. */
  readonly seed: number;
}

/** The shorter a turn, the more its pace is that of one interruption. */
const TELLING_MS = 100;

/** One optimizer on one task. */
export class PacedRun implements Disposable {
  /** How it is set. */
  readonly settings: RunSettings;
  /** Ends of epochs so far. */
  readonly marks: Mark[] = [];
  /** Milliseconds per step of each turn that was long enough to tell. */
  readonly paces: number[] = [];
  /** Whether there is nothing more to do: all epochs are done, or it broke off. */
  finished = false;
  readonly #problem: Problem;
  readonly #goal: ModelObjective;
  readonly #optimizer: Optimizer<BatchLike>;
  readonly #stack = new DisposableStack();
  #batches: Iterator<BatchLike>;
  #seconds = 0;

  /** Builds the network. Nothing is trained yet. */
  constructor(lab: Lab, task: TargetTask, problem: Problem, settings: RunSettings) {
    const { contender, batch, epochs, seed } = settings;
    const model = this.#stack.use(
      sequential(lab.backend, { input: problem.input, layers: [...task.layers()], seed }),
    );
    this.settings = settings;
    this.#problem = problem;
    this.#goal = objective(model, problem.loss);
    const steps = epochs * Math.ceil(problem.examples / batch);
    this.#optimizer = this.#stack.use(create(this.#goal, contender, steps));
    this.#batches = this.#epoch(0);
  }

  /** Trains for so long, one step at least, or until the epoch is over. */
  advance(milliseconds: number): void {
    if (this.finished) return;
    const began = performance.now();
    let [steps, over] = [0, false];
    try {
      do {
        const { done, value } = this.#batches.next();
        if (done) {
          over = true;
        } else if (Number.isFinite(this.#optimizer.stepSync(value).loss)) {
          steps++;
        } else {
          this.finished = over = true;
        }
      } while (!over && performance.now() - began < milliseconds);
    } catch (error) {
      if (!(error instanceof NumericalError || error instanceof DataError)) throw error;
      this.finished = true;
    }
    const spent = performance.now() - began;
    this.#seconds += spent / 1000;
    if (steps > 0 && spent >= TELLING_MS) this.paces.push(spent / steps);
    if (over && !this.finished) this.#mark();
  }

  /** Trains to the end; returns the last value, NaN where the run broke off. */
  finish(): number {
    while (!this.finished) this.advance(Infinity);
    const last = this.marks.at(-1);
    return last?.epoch === this.settings.epochs ? last.value : NaN;
  }

  /** What settings are chosen by, with the weights as they are. */
  validation(): number {
    return this.#problem.validation(this.#goal);
  }

  /** Seconds of steps and of making batches so far. */
  get seconds(): number {
    return this.#seconds;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  #mark(): void {
    const epoch = this.marks.length + 1;
    const value = this.#problem.heldOut(this.#goal);
    const steps = this.#optimizer.stepCount;
    this.marks.push({ epoch, steps, seconds: this.#seconds, value });
    this.finished = epoch === this.settings.epochs || !Number.isFinite(value);
    this.#batches = this.#epoch(epoch);
  }

  #epoch(epoch: number): Iterator<BatchLike> {
    const { batch, seed } = this.settings;
    return this.#problem.batches(batch, seed, epoch)[Symbol.iterator]();
  }
}
