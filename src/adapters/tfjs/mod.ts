/**
 * TensorFlow.js models trained by this library: an optimizer for `model.compile()` and `model.fit()`.
 * See {@linkcode TekfacOptimizer}; docs/ADAPTERS.md tells which layers get what.
 *
 * @module
 */

export { namedWeights } from "./named_weights.ts";
export { type ObservedModel, observedModel } from "./observed_model.ts";
export { TekfacOptimizer } from "./optimizer.ts";
export {
  checkTfjsVersion,
  type TekfacOptimizerOptions,
  TESTED_TFJS_VERSIONS,
  type TfjsAdapterOptions,
  type TfjsBackendOptions,
} from "./options.ts";
export type { NamedTensor } from "./training.ts";
