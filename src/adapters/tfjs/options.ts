/**
 * Options of the TensorFlow.js adapter, and the versions of the framework that it is tested with.
 *
 * @module
 */

import type { Backend } from "../../backend/backend.ts";
import { OptionError, StateError } from "../../core/errors.ts";
import { checkChoice } from "../../core/options.ts";
import type { EkfacOptions } from "../../optim/ekfac.ts";
import type { ExternalBatch } from "../../optim/external_batch.ts";
import type { ExternalModel } from "../../optim/external_model.ts";
import type { KfacOptions } from "../../optim/kfac.ts";
import type { Optimizer } from "../../optim/optimizer.ts";
import { optimizers } from "../../optim/optimizers.ts";
import type { TekfacOptions } from "../../optim/tekfac.ts";
import type { TkfacOptions } from "../../optim/tkfac.ts";

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

/**
 * Options of {@linkcode TekfacOptimizer}: the name of a method, and its options. `fisher` (only the
 * empirical one can be had from a loss that is a function) and `dampingAdaptation` (the loss would have
 * to be computed twice in a step) are not among them.
 */
export type TekfacOptimizerOptions =
  & TfjsBackendOptions
  & (
    | ({ readonly method?: "tekfac" } & Omit<TekfacOptions, "fisher" | "dampingAdaptation">)
    | ({ readonly method: "ekfac" } & Omit<EkfacOptions, "fisher" | "dampingAdaptation">)
    | ({ readonly method: "tkfac" } & Omit<TkfacOptions, "fisher" | "dampingAdaptation">)
    | ({ readonly method: "kfac" } & Omit<KfacOptions, "fisher" | "dampingAdaptation">)
  );

/** Subject of messages. */
export const SUBJECT = "Cannot create TekfacOptimizer";

/** First and last tested version of `@tensorflow/tfjs-core` and `@tensorflow/tfjs-layers`. */
export const TESTED_TFJS_VERSIONS = ["4.17.0", "4.22.0"] as const;

/**
 * Creates the optimizer of an external model.
 *
 * @throws {OptionError} On an unknown method or option, or a value outside its range.
 */
export function createInner(
  model: ExternalModel,
  { backend: _, ...choice }: TekfacOptimizerOptions,
): Optimizer<ExternalBatch> {
  const subject = SUBJECT;
  const { method = "tekfac", ...options } = choice;
  checkChoice(subject, "method", method, ["tekfac", "ekfac", "tkfac", "kfac"]);
  const reasons = {
    fisher: "is not available here, labels cannot be sampled from a loss that is a function",
    dampingAdaptation: "is not available here, a step would have to compute its loss twice",
  } as const;
  for (const option of ["fisher", "dampingAdaptation"] as const) {
    if (option in options) {
      const value = (options as Record<string, unknown>)[option];
      throw new OptionError(subject, option, reasons[option], value);
    }
  }
  return optimizers[method](model, options);
}

/**
 * Options as a model's file keeps them: plain JSON, and the names of those that hold functions.
 *
 * @param options As the user gave them.
 */
export function toSavedOptions(
  { backend: _, ...options }: TekfacOptimizerOptions,
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
