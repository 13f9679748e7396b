/**
 * Training a model from end to end: the loop, a recipe for each model and optimizer, and a page that
 * shows what happened.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { glyphs } from "@tekfac/tekfac/data";
 * import { createJob, train } from "@tekfac/tekfac/training";
 *
 * const data = glyphs({ train: 256, test: 64, seed: 1 });
 * using backend = await createBackend();
 * using job = createJob(backend, {
 *   model: "mlp",
 *   optimizer: "tekfac",
 *   dataset: data.train,
 *   steps: 4,
 *   seed: 1,
 * });
 * const record = await train({ ...job, data, epochs: 2, batchSize: 128, seed: 1 });
 * assert(record.trainLoss < record.stepLosses[0]);
 * ```
 *
 * @module
 */

export * from "./fit.ts";
export * from "./job.ts";
export * from "./metrics/mod.ts";
export * from "./recipes.ts";
export * from "./report.ts";
export * from "./streaming_head.ts";
export * from "./text_job.ts";
export * from "./text_recipe.ts";
export * from "./text_report.ts";
export * from "./text_trainer.ts";
export * from "./train_options.ts";
export * from "./trainer.ts";
