/**
 * Eight optimizers over one step: `sgd`, `adam`, `muon`, `soap`, `kfac`, `ekfac`, `tkfac`, `tekfac`.
 *
 * @module
 */

export * from "./adam.ts";
export {
  type AveragedModel,
  type AveragedWeights,
  type LiveMatrix,
  type WeightAverage,
} from "./average.ts";
export * from "./checkpoint.ts";
export * from "./ekfac.ts";
export type {
  ExternalBatch,
  ExternalCapture,
  ExternalParameter,
  Numbers,
} from "./external_batch.ts";
export * from "./exponential_average.ts";
export * from "./external_model.ts";
export * from "./kfac.ts";
export { type KroneckerOptions, KroneckerPreconditioner } from "./kronecker.ts";
export { type MeasuredOptions } from "./measured.ts";
export * from "./muon.ts";
export * from "./objective.ts";
export { type ObservedShare } from "./observation.ts";
export * from "./optimizer.ts";
export * from "./optimizers.ts";
export { type Orthogonalization, orthogonalize, type Quintic, quintics } from "./orthogonalize.ts";
export {
  type Counters,
  type Preconditioner,
  type PreconditionerRow,
  type PreconditionerUpdate,
} from "./preconditioner.ts";
export * from "./presets.ts";
export * from "./report.ts";
export * from "./safetensors.ts";
export * from "./schedule_free.ts";
export * from "./schedule_free_adam.ts";
export * from "./sgd.ts";
export * from "./soap.ts";
export * from "./step_options.ts";
export * from "./step_probe.ts";
export * from "./tekfac.ts";
export * from "./tkfac.ts";
export { type KlClip } from "./transforms/kl_clip.ts";
export { type Momentum } from "./transforms/momentum.ts";
export { limits, type StepLimit } from "./transforms/step_length.ts";
export { type ParameterPart, type WeightDecay } from "./transforms/weight_decay.ts";
