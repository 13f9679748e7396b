/**
 * Seven optimizers over one step: `sgd`, `adam`, `soap`, `kfac`, `ekfac`, `tkfac`, `tekfac`.
 *
 * @module
 */

export { adam, type AdamOptions } from "./adam.ts";
export * from "./checkpoint.ts";
export { ekfac, type EkfacOptions } from "./ekfac.ts";
export type {
  ExternalBatch,
  ExternalCapture,
  ExternalParameter,
  Numbers,
} from "./external_batch.ts";
export * from "./external_model.ts";
export { Freezing } from "./freezing.ts";
export { type ParameterGroup, type ParameterSettings, type ResolvedGroup } from "./groups.ts";
export * from "./kfac.ts";
export { type KroneckerOptions } from "./kronecker_options.ts";
export { KroneckerPreconditioner } from "./kronecker_preconditioner.ts";
export { type MeasuredOptions } from "./measured.ts";
export { type GradientBlend, type Objective } from "./objective.ts";
export { type ObservationOptions, type ObservedShare } from "./observation.ts";
export * from "./optimizer.ts";
export {
  type Counters,
  NoPreconditioner,
  type Preconditioner,
  type PreconditionerRow,
  type PreconditionerUpdate,
} from "./preconditioner.ts";
export * from "./presets.ts";
export * from "./report.ts";
export * from "./safetensors.ts";
export { sgd, type SgdOptions } from "./sgd.ts";
export { soap, type SoapOptions } from "./soap.ts";
export { StepCheck } from "./step_check.ts";
export { StepRules } from "./step_rules.ts";
export { type ResolvedStepOptions, resolveStepOptions, type StepOptions } from "./step_options.ts";
export * from "./step_probe.ts";
export * from "./tekfac.ts";
export * from "./tkfac.ts";
export * from "./transforms/gradient_clip.ts";
export { type KlClip, resolveKlClip } from "./transforms/kl_clip.ts";
export * from "./transforms/measured_curvature.ts";
export { type Momentum, MomentumState, resolveMomentum } from "./transforms/momentum.ts";
export * from "./transforms/rate.ts";
export { limits, type StepLimit } from "./transforms/step_length.ts";
export { type ParameterPart, type WeightDecay } from "./transforms/weight_decay.ts";
