/**
 * Predictions and nothing else: kept models in plain JavaScript, for pages that train nothing. No WebAssembly, no
 * backend, no training; everything of it is a few kilobytes. For large networks `loadModel` of `model` is faster.
 *
 * @module
 */

export type { ModelFile } from "../model/model_file.ts";
export type { ModelDescription, OutputKind } from "../model/description.ts";
export type { ModelSource } from "../model/bytes.ts";
export type { Prediction } from "../model/predictions.ts";
export * from "./predictor.ts";
