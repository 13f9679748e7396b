/**
 * Eight optimizers over one step: `sgd`, `adam`, `muon`, `soap`, `kfac`, `ekfac`, `tkfac`, `tekfac`.
 *
 * @module
 */

export { adam, type AdamGroup, type AdamOptions } from "./adam.ts";
export {
  type AveragedModel,
  type AveragedWeights,
  type LiveMatrix,
  type WeightAverage,
} from "./average.ts";
export * from "./checkpoint.ts";
export { type Counters } from "./counters.ts";
export { ekfac, type EkfacOptions } from "./ekfac.ts";
export type { ExternalBatch } from "./external_batch.ts";
export type {
  ExternalCapture,
  ExternalGradients,
  ExternalTokens,
  ExternalUse,
} from "./external_capture.ts";
export type { Numbers } from "./external_numbers.ts";
export type { ExternalParameter } from "./external_parameter.ts";
export { exponentialAverage, type ExponentialAverageOptions } from "./exponential_average.ts";
export * from "./external_model.ts";
export { type ParameterGroup, type ResolvedGroup } from "./groups.ts";
export * from "./kfac.ts";
export { type KroneckerGroup, type KroneckerOptions } from "./kronecker_options.ts";
export { KroneckerPreconditioner } from "./kronecker_preconditioner.ts";
export { type MeasuredOptions } from "./measured.ts";
export { muon, type MuonAdamOptions, type MuonGroup, type MuonOptions } from "./muon.ts";
export { type GradientBlend, type Objective } from "./objective.ts";
export { type ObservationOptions, type ObservedShare } from "./observation.ts";
export * from "./optimizer.ts";
export * from "./optimizers.ts";
export { type Orthogonalization, orthogonalize, type Quintic, quintics } from "./orthogonalize.ts";
export {
  type Preconditioner,
  type PreconditionerRow,
  type PreconditionerUpdate,
} from "./preconditioner.ts";
export * from "./presets.ts";
export * from "./report.ts";
export * from "./safetensors.ts";
export { scheduleFree, type ScheduleFreeOptions } from "./schedule_free.ts";
export { scheduleFreeAdam, type ScheduleFreeAdamOptions } from "./schedule_free_adam.ts";
export { sgd, type SgdGroup, type SgdOptions } from "./sgd.ts";
export { type LayerSpectrum } from "./spectra.ts";
export { soap, type SoapGroup, type SoapOptions } from "./soap.ts";
export type { ResolvedStepOptions, StepOptions } from "./step_options.ts";
export * from "./step_probe.ts";
export { tekfac, type TekfacOptions } from "./tekfac.ts";
export * from "./tkfac.ts";
export { type KlClip, type Opening } from "./transforms/kl_clip.ts";
export { type Momentum } from "./transforms/momentum.ts";
export { limits, type StepLimit } from "./transforms/step_length.ts";
export { type ParameterPart, type WeightDecay } from "./transforms/weight_decay.ts";
