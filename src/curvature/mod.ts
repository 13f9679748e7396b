/**
 * Curvature: one matrix per layer that approximates its Fisher information, and how its damped inverse
 * is applied. The four approximations are four short files in `blocks/`; their differences are the
 * papers'.
 *
 * @experimental Blocks and their parts may change between minor versions.
 *
 * @module
 */

export {
  type DampingAdaptation,
  DampingAdapter,
  type DampingTrial,
  resolveAdaptation,
} from "./adaptation.ts";
export { Eigenbasis, overlap, transport } from "./basis.ts";
export * from "./blocks/block.ts";
export * from "./blocks/corrected.ts";
export { toDense } from "./blocks/dense.ts";
export * from "./blocks/depthwise.ts";
export * from "./blocks/diagonal.ts";
export * from "./blocks/ekfac.ts";
export * from "./blocks/embedding.ts";
export * from "./blocks/factored.ts";
export * from "./blocks/grouped.ts";
export * from "./blocks/groups_block.ts";
export { ownBlock } from "./blocks/own_block.ts";
export * from "./blocks/kfac.ts";
export * from "./blocks/low_rank.ts";
export * from "./blocks/scale_shift.ts";
export * from "./blocks/tekfac.ts";
export * from "./blocks/tkfac.ts";
export {
  type AbsoluteDamping,
  type Damping,
  type PaperDamping,
  type RelativeDamping,
  resolveDamping,
} from "./damping.ts";
export * from "./estimator.ts";
export { FactorBases } from "./factor_bases.ts";
export type { FactorSide } from "./factor_side.ts";
export {
  type Factors,
  type Fisher,
  independent,
  mixed,
  observeFactors,
  type RowWeights,
  type Statistic,
  traceKeeping,
} from "./fisher.ts";
export * from "./layer_damping.ts";
export { traceOf } from "./moments.ts";
export { type Averaging, MovingAverage, type Observation } from "./moving_average.ts";
export * from "./noise_factor.ts";
export * from "./observation_guard.ts";
export {
  type Refreshable,
  Refresher,
  type RefreshMode,
  type RefreshOutcome,
  type Underway,
} from "./refresher.ts";
export { type LocationsOfTheta, positionsApart } from "./positions_apart.ts";
export { type Followed, type Refresh, type Renewal } from "./renewal.ts";
export {
  type DenseStart,
  dueAt,
  type DueWork,
  type Intervals,
  type RefreshPlan,
  resolvePlan,
} from "./scheduler.ts";
export type { FactorRows, FactorSketch } from "./sketch.ts";
export type { FactorShifts } from "./inverse.ts";
export type { InverseJob, RefreshJob } from "./refresh_job.ts";
export { tiedCapture } from "./tied_capture.ts";
