/**
 * Training a model from end to end: the loop, recipes, comparisons, and pages that show what happened.
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

export * from "./compare_report.ts";
export * from "./comparison.ts";
export * from "./comparison_summary.ts";
export * from "./comparison_tables.ts";
export * from "./course.ts";
export * from "./job.ts";
export * from "./laboratory.ts";
export type { Axis, Chart, ChartLibrary, Page, Series, Table } from "./page.ts";
export type { Figure } from "./page_parts.ts";
export * from "./paired_statistics.ts";
export * from "./recipes.ts";
export * from "./report.ts";
export * from "./search_space.ts";
export * from "./text.ts";
export * from "./trainer.ts";
export {
  type Approximations,
  type FisherMethod,
  fisherMethods,
} from "./relationships/approximations.ts";
export { exactFisher } from "./relationships/exact_fisher.ts";
export * from "./relationships/layer_relationships.ts";
export * from "./relationships/report.ts";
export * from "./relationships/theorems.ts";
