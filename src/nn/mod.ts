/**
 * Neural networks: layers, losses, models.
 *
 * Layers are described by plain values and built by {@linkcode sequential}. {@linkcode objective} joins
 * a model with a loss; that is what optimizers take. After a backward pass every layer with weights has
 * left its inputs and output gradients, from which curvature is measured.
 *
 * @example A model, its loss, and its first prediction
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, relu, sequential, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(8), relu(), dense(3)], seed: 1 });
 * const problem = objective(model, softmaxCrossEntropy());
 *
 * const { loss, accuracy } = await problem.evaluate({
 *   inputs: Float32Array.of(0, 1, 1, 0),
 *   targets: [2, 0],
 * });
 * assert(loss > 0 && accuracy !== null);
 * assert.equal((await problem.predict([0.5, 0.5])).length, 3);
 * ```
 *
 * @module
 */

export { relu, sigmoid, tanh } from "./activations.ts";
export * from "./adapters.ts";
export { attention, type AttentionOptions } from "./attention.ts";
export { type BatchLike, type EvaluateOptions, type PassOptions } from "./batch.ts";
export { batchNorm2d, type BatchNorm2dOptions } from "./batch_norm2d.ts";
export { concatenate } from "./concatenate.ts";
export { conv1d, type Conv1dOptions } from "./conv1d.ts";
export type { SequencePadding } from "./sequence_padding.ts";
export { conv2d, type Conv2dOptions } from "./conv2d.ts";
export { conv2dTranspose, type Conv2dTransposeOptions } from "./conv2d_transpose.ts";
export { dense, type DenseOptions } from "./dense.ts";
export { type Evaluation } from "./evaluation.ts";
export * from "./dropout.ts";
export { embedding, type EmbeddingLayerOptions } from "./embedding.ts";
export * from "./extend_classes.ts";
export * from "./flatten.ts";
export { groupNorm, type GroupNormOptions } from "./group_norm.ts";
export { generate, type GenerateOptions } from "./generate.ts";
export * from "./init.ts";
export { lora, type LoraOptions } from "./lora.ts";
export * from "./losses/mod.ts";
export { masking } from "./masking.ts";
export * from "./models/mod.ts";
export * from "./module.ts";
export * from "./model_objective.ts";
export * from "./objective.ts";
export { averagePool2d, globalAveragePool2d, maxPool2d, type PoolOptions } from "./pool.ts";
export * from "./positions.ts";
export * from "./residual.ts";
export { layerNorm, rmsNorm } from "./row_norm.ts";
export type { RowNormOptions } from "./scaled_layer.ts";
export { SharedWeights } from "./shared_weights.ts";
export { Sequential, sequential, type SequentialOptions } from "./sequential.ts";
export { tiedHead } from "./tied_head.ts";
export { softmax } from "./softmax.ts";
export { gelu, type GeluOptions, silu, softplus } from "./smooth_activations.ts";
export * from "./weights.ts";
