/**
 * A training step as something to choose a backend by.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { StepProbe } from "../backend/choice/step_timing.ts";
import type { Optimizer } from "./optimizer.ts";

/** What a step is made of, built on one backend. The probe disposes it: the optimizer, then the model. */
export interface ProbedTraining<B> {
  /** Takes the steps. */
  readonly optimizer: Optimizer<B>;
  /** The examples of every step. */
  readonly batch: B;
  /** What has to be disposed after the optimizer: the model. */
  readonly model?: Disposable;
}

/**
 * The step by which `createBackend({ model })` chooses: it is built on every candidate, taken some
 * times, and disposed. Nothing of it is left.
 *
 * A whole choice takes 300 ms, unless first steps take longer, which cannot be interrupted: where steps
 * take more than a tenth of that, give a smaller batch or fewer layers of the same kind. Bases are not
 * renewed meanwhile. Leave the dense start out (`denseStart: false`), for it says little about the
 * steps to come.
 *
 * @param name Names the work in a `TimingCache`: model, optimizer, batch size.
 * @param build Builds model, optimizer and batch.
 *
 * @example The same function builds what is timed and what is trained
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   type Backend, createBackend, dense, objective, sequential, squaredError, stepProbe, tekfac,
 * } from "@tekfac/tekfac";
 *
 * const batch = { inputs: [1, 2, 3, 5], targets: [1, 2] };
 * function build(backend: Backend) {
 *   const model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 *   return { model, optimizer: tekfac(objective(model, squaredError())), batch };
 * }
 *
 * using backend = await createBackend({ model: stepProbe("dense 2-1, tekfac, batch 2", build) });
 * assert(backend.info.chosen !== undefined);
 * const { model, optimizer } = build(backend);
 * const { loss } = await optimizer.step(batch).report();
 * assert(Number.isFinite(loss));
 * optimizer[Symbol.dispose]();
 * model[Symbol.dispose]();
 * ```
 */
export function stepProbe<B>(
  name: string,
  build: (backend: Backend) => ProbedTraining<B>,
): StepProbe {
  return {
    name,
    build(backend) {
      const { optimizer, batch, model } = build(backend);
      return {
        step: () => void optimizer.step(batch),
        [Symbol.dispose]: () => {
          optimizer[Symbol.dispose]();
          model?.[Symbol.dispose]();
        },
      };
    },
  };
}
