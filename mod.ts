/**
 * Kronecker-factored natural-gradient training: TEKFAC, TKFAC, EKFAC and KFAC beside SOAP, Adam and
 * SGD, on SIMD kernels in WebAssembly, wherever JavaScript runs.
 *
 * A batch enters a model; every layer leaves behind its inputs and output gradients; `curvature` turns
 * those into an approximation of the layer's Fisher information, and the optimizer divides the gradient
 * by it. All numbers are computed by the verbs of a backend.
 *
 * @example Learn to read digits with TEKFAC
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   batches,
 *   createBackend,
 *   dense,
 *   flatten,
 *   glyphs,
 *   objective,
 *   sequential,
 *   softmaxCrossEntropy,
 *   tanh,
 *   tekfac,
 * } from "@tekfac/tekfac";
 *
 * const { train, test } = glyphs({ train: 1000, test: 200, seed: 1 });
 *
 * using backend = await createBackend();
 * using model = sequential(backend, {
 *   input: [28, 28, 1],
 *   layers: [flatten(), dense(32), tanh(), dense(10)],
 *   seed: 1,
 * });
 * const goal = objective(model, softmaxCrossEntropy());
 * using optimizer = tekfac(goal);
 *
 * for (let epoch = 0; epoch < 4; epoch++) {
 *   for (const batch of batches(train, { size: 100, shuffle: { seed: 1, epoch } })) {
 *     optimizer.stepSync(batch);
 *   }
 * }
 * const { accuracy } = goal.evaluateSync(batches(test, { size: 200 }));
 * assert(accuracy !== null && accuracy > 0.6);
 * ```
 *
 * Here is what a training needs. Everything else has a sub-path: `core`, `nn`, `data`, `optim`, `training`
 * and the adapters `tfjs` and `jax`; and, where names may still change between minor versions, `backend`,
 * `curvature`, `formula`, `linalg`, `pages` and `testing`.
 *
 * @module
 */

// Where it is computed.
export type { Backend } from "./src/backend/backend.ts";
export type { BackendName, BackendOptions } from "./src/backend/choice/options.ts";
export { createBackend } from "./src/backend/choice/select.ts";
export { createBackendSync } from "./src/backend/choice/select_sync.ts";
export { stepProbe } from "./src/optim/step_probe.ts";

// What is trained: layers, losses, models.
export {
  attention,
  autoencoder,
  averagePool2d,
  batchNorm2d,
  cnn,
  conv2d,
  dense,
  dropout,
  embedding,
  flatten,
  gelu,
  globalAveragePool2d,
  gpt,
  head,
  layerNorm,
  maxPool2d,
  meanPositions,
  mlp,
  objective,
  relu,
  residual,
  resnet20,
  rmsNorm,
  sequential,
  sigmoid,
  sigmoidCrossEntropy,
  silu,
  softmaxCrossEntropy,
  softplus,
  squaredError,
  tanh,
  vgg16,
} from "./src/nn/mod.ts";
export type { BatchLike, LayerSpec, Loss, ModelObjective, Sequential } from "./src/nn/mod.ts";

// Models that are not of this library.
export { ExternalModel, externalModel } from "./src/optim/external_model.ts";
export type { ExternalBatch } from "./src/optim/external_batch.ts";
export type { ExternalParameter } from "./src/optim/external_parameter.ts";

// What trains it.
export {
  adam,
  ekfac,
  exponentialAverage,
  kfac,
  loadState,
  muon,
  optimizers,
  saveState,
  scheduleFreeAdam,
  sgd,
  soap,
  tekfac,
  tkfac,
} from "./src/optim/mod.ts";
export type {
  AdamOptions,
  EkfacOptions,
  KfacOptions,
  LayerSpectrum,
  MuonOptions,
  Objective,
  Optimizer,
  OptimizerName,
  OptimizerSettings,
  ScheduleFreeAdamOptions,
  SgdOptions,
  SoapOptions,
  StepReport,
  TekfacOptions,
  TkfacOptions,
} from "./src/optim/mod.ts";
export { cosine, type Schedule, stepwise, warmup } from "./src/core/schedule.ts";

// What it learns from.
export {
  batchCount,
  batches,
  createDataset,
  denormalizeNumbers,
  examplesIn,
  glyphs,
  inputSize,
  kFold,
  normalized,
  readCifar,
  readDirectory,
  readIdxDirectory,
  readSvhn,
  splitDataset,
  standardized,
  streamBatches,
  table,
  windows,
} from "./src/data/mod.ts";
export type { Augmentation, Dataset, DatasetSplit, ImageDataset } from "./src/data/mod.ts";

// What they all speak of, and what goes wrong.
export type { Capture } from "./src/core/capture.ts";
export {
  BackendError,
  DataError,
  NumericalError,
  OptionError,
  ShapeError,
  StateError,
} from "./src/core/errors.ts";
export type { Matrix } from "./src/core/matrix.ts";
export type { Parameter } from "./src/core/parameter.ts";
