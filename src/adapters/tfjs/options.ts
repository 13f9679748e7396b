/**
 * Options of the TensorFlow.js adapter, and the versions of the framework that it is tested with.
 *
 * @module
 */

import type { Backend } from "../../backend/backend.ts";
import { OptionError, StateError } from "../../core/errors.ts";
import { checkChoice, checkNumber } from "../../core/options.ts";
import { type Schedule, valueAt } from "../../core/schedule.ts";
import type { ExternalBatch } from "../../optim/external_batch.ts";
import type { ExternalModel } from "../../optim/external_model.ts";
import type { Optimizer } from "../../optim/optimizer.ts";
import { optimizers, type OptimizerSettings } from "../../optim/optimizers.ts";

/** Where the adapter computes. */
export interface TfjsBackendOptions {
  /**
   * A backend of this library to compute on: a synchronous one, with more threads for example, or on the
   * framework's `webgpu` backend one that shares its device,
   * `await createBackend({ prefer: ["webgpu"], device: tf.backend().device })`. The caller disposes it,
   * after the optimizer.
   *
   * @default {an own one: WebAssembly on one thread, disposed with the optimizer}
   */
  readonly backend?: Backend;
}

/** Options that the adapter has for every method. */
export interface TfjsAdapterOptions extends TfjsBackendOptions {
  /**
   * Told of each layer whose weights have no more than a diagonal where others have Kronecker factors, in a sentence
   * that says why.
   *
   * @default {console.warn}
   */
  readonly onNote?: (note: string) => void;
}

/**
 * Options of {@linkcode TekfacOptimizer}: the name of a method, and its options. `fisher` (only the
 * empirical one can be had from a loss that is a function) and `dampingAdaptation` (the loss would have
 * to be computed twice in a step) are not among them.
 */
export type TekfacOptimizerOptions =
  & TfjsAdapterOptions
  & (
    | (
      & { readonly method?: "tekfac" }
      & Omit<OptimizerSettings["tekfac"], "fisher" | "dampingAdaptation">
    )
    | (
      & { readonly method: "ekfac" }
      & Omit<OptimizerSettings["ekfac"], "fisher" | "dampingAdaptation">
    )
    | (
      & { readonly method: "tkfac" }
      & Omit<OptimizerSettings["tkfac"], "fisher" | "dampingAdaptation">
    )
    | (
      & { readonly method: "kfac" }
      & Omit<OptimizerSettings["kfac"], "fisher" | "dampingAdaptation">
    )
    | ({ readonly method: "soap" } & OptimizerSettings["soap"])
    | ({ readonly method: "muon" } & OptimizerSettings["muon"])
    | ({ readonly method: "adam" } & OptimizerSettings["adam"])
    | ({ readonly method: "sgd" } & OptimizerSettings["sgd"])
  );

/** Methods whose blocks are made from captures. */
const KRONECKER: readonly string[] = ["tekfac", "ekfac", "tkfac", "kfac"];

/** Whether a layer without captures gets less of a method than the others. */
export function needsCaptures({ method = "tekfac" }: TekfacOptimizerOptions): boolean {
  return KRONECKER.includes(method);
}

/** Subject of messages. */
export const SUBJECT = "Cannot create TekfacOptimizer";

/** First and last tested version of `@tensorflow/tfjs-core` and `@tensorflow/tfjs-layers`. */
export const TESTED_TFJS_VERSIONS = ["4.17.0", "4.22.0"] as const;

/** An optimizer, and the rate that it follows. */
export interface Inner {
  readonly optimizer: Optimizer<ExternalBatch>;
  /** Before annealing. */
  readonly rate: RateOfSteps;
}

/** A learning rate that can be replaced while training goes on. */
export class RateOfSteps {
  #schedule: Schedule;

  /** The schedule that holds until there is another. */
  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  /** At a step. */
  at(step: number): number {
    return valueAt(this.#schedule, step);
  }

  /**
   * From now on it is a constant.
   *
   * @throws {OptionError} When the rate is not a finite number >= 0.
   */
  set(rate: number): void {
    this.#schedule = checkNumber("Cannot set the learning rate", "learningRate", rate, { min: 0 });
  }
}

/**
 * Creates the optimizer of an external model.
 *
 * @throws {OptionError} On an unknown method or option, or a value outside its range.
 */
export function createInner(
  model: ExternalModel,
  { backend: _, onNote: __, ...choice }: TekfacOptimizerOptions,
): Inner {
  const subject = SUBJECT;
  const { method = "tekfac", ...options } = choice;
  checkChoice(subject, "method", method, [...KRONECKER, "soap", "muon", "adam", "sgd"]);
  const reasons = {
    fisher: "is not available here, labels cannot be sampled from a loss that is a function",
    dampingAdaptation: "is not available here, a step would have to compute its loss twice",
  } as const;
  for (const option of ["fisher", "dampingAdaptation"] as const) {
    if (needsCaptures(choice) && option in options) {
      const value = (options as Record<string, unknown>)[option];
      throw new OptionError(subject, option, reasons[option], value);
    }
  }
  const create = optimizers[method] as (
    model: ExternalModel,
    options: object,
  ) => Optimizer<ExternalBatch>;
  // Made as the user says, to check the options and to learn the method's own rate.
  const plain = create(model, options);
  const rate = new RateOfSteps(plain.options.learningRate);
  plain[Symbol.dispose]();
  const learningRate = (step: number) => rate.at(step);
  return { optimizer: create(model, { ...options, learningRate }), rate };
}

/**
 * Options as a model's file keeps them: plain JSON, and the names of those that hold functions.
 *
 * @param options As the user gave them.
 */
export function toSavedOptions(
  { backend: _, onNote: __, ...options }: TekfacOptimizerOptions,
): { options: Record<string, never>; functions: string[] } {
  const functions: string[] = [];
  for (const [name, value] of Object.entries(options)) {
    JSON.stringify(value, (_, inner) => {
      if (typeof inner === "function" && !functions.includes(name)) functions.push(name);
      return inner;
    });
  }
  const plain = Object.entries(options).filter(([name]) => !functions.includes(name));
  return { options: JSON.parse(JSON.stringify(Object.fromEntries(plain))), functions };
}

/** The inverse of {@linkcode toSavedOptions}. */
export function fromSavedOptions(
  saved: Readonly<Record<string, unknown>>,
): { readonly options: TekfacOptimizerOptions; readonly functions: readonly string[] } {
  const { options = {}, functions = [] } = saved as {
    options?: TekfacOptimizerOptions;
    functions?: string[];
  };
  return { options, functions };
}

/**
 * Checks that a package's version lies within the tested range.
 *
 * @param name Of the package: `"@tensorflow/tfjs-core"`.
 * @param version As the package tells it: `"4.22.0"`.
 * @throws {StateError} Otherwise, naming package, version and range.
 *
 * @example The last tested version, and one before the first
 * ```ts
 * import assert from "node:assert/strict";
 * import { checkTfjsVersion, TESTED_TFJS_VERSIONS } from "@tekfac/tekfac/tfjs";
 *
 * const [, last] = TESTED_TFJS_VERSIONS;
 * checkTfjsVersion("@tensorflow/tfjs-core", last);
 * assert.throws(
 *   () => checkTfjsVersion("@tensorflow/tfjs-core", "3.21.0"),
 *   { name: "StateError", message: /install @tensorflow\/tfjs-core@4/ },
 * );
 * ```
 */
export function checkTfjsVersion(name: string, version: string): void {
  const [first, last] = TESTED_TFJS_VERSIONS;
  const released = /^\d+\.\d+\.\d+$/.test(version);
  if (released && compare(version, first) >= 0 && compare(version, last) <= 0) return;
  throw new StateError(
    `Cannot use ${name} ${version}: the adapter reaches into layers and is tested with ${first} to ${last}; ` +
      `install ${name}@${last}`,
  );
}

function compare(a: string, b: string): number {
  const [x, y] = [a, b].map((version) => version.split(".").map(Number));
  const at = x.findIndex((part, index) => part !== y[index]);
  if (at < 0) return 0;
  return x[at] > y[at] ? 1 : -1;
}
