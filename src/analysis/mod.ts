/**
 * Curvature as a tool: the factors that train a model also say which examples taught it what, how sure it is,
 * and what can be left out.
 *
 * @experimental Names and figures may change between minor versions.
 *
 * @module
 */

export { compress } from "./compress.ts";
export { Consolidated } from "./consolidated.ts";
export * from "./curvature.ts";
export * from "./curvature_file.ts";
export { curvatureOf } from "./curvature_of.ts";
export { type CurvatureOptions, type CurvatureSettings } from "./curvature_options.ts";
export { type InverseDamping } from "./damping.ts";
export { type ExampleSource } from "./example_source.ts";
export { type Fingerprint } from "./fingerprint.ts";
export * from "./influence.ts";
export * from "./laplace.ts";
export { type LaplaceOptions, type PriorPrecision } from "./laplace_options.ts";
export * from "./layer_curvature.ts";
export { mergeModels, type MergeOptions } from "./merge.ts";
export * from "./operator.ts";
export { LaplacePosterior, type UncertainPrediction } from "./posterior.ts";
export { type PredictiveKind } from "./predictive.ts";
export * from "./prune.ts";
export { type PruningUnit } from "./saliency.ts";
export { type Influence } from "./score_sheet.ts";
export * from "./self_influence.ts";
export { type ScoredExample } from "./top.ts";
export { type LongWork, type WorkOptions, type WorkProgress } from "./work.ts";
