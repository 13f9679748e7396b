/**
 * Models as things to keep: one file holds layers, weights, labels and standardization, and predicts wherever it is
 * loaded. Nothing here trains.
 *
 * @example From standardized tables to a file, and predictions in the units of the data
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { loadModel, saveModel } from "@tekfac/tekfac/model";
 * import { dense, sequential, writeWeights } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * writeWeights(backend, model.parameters[0], [1, 0]); // as if it had been trained
 * const standardization = {
 *   inputs: { mean: [20], deviation: [5] },
 *   targets: { mean: [100], deviation: [10] },
 * };
 * const bytes = await saveModel(model, { standardization });
 *
 * using kept = await loadModel(backend, new Blob([bytes as BlobPart]));
 * assert.deepEqual([...(await kept.predictOne([25])).outputs], [110]);
 * ```
 *
 * @module
 */

export type { ModelSource } from "./bytes.ts";
export type { DescribeOptions } from "./described_model.ts";
export type { ModelDescription, OutputKind } from "./description.ts";
export type { ForeignLayout } from "./foreign_layouts.ts";
export * from "./import_weights.ts";
export * from "./kept_model.ts";
export * from "./load.ts";
export type { Prediction } from "./predictions.ts";
export { saveModel, type SaveModelOptions } from "./save.ts";
