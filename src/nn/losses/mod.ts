/**
 * Losses per example, with what each needs to know of its targets.
 *
 * @module
 */

export { gaussianNll } from "./gaussian.ts";
export { huber, type HuberOptions } from "./huber.ts";
export * from "./loss.ts";
export * from "./sigmoid_cross_entropy.ts";
export { softmaxCrossEntropy, type SoftmaxCrossEntropyOptions } from "./softmax_cross_entropy.ts";
export { squaredError, type SquaredErrorOptions } from "./squared_error.ts";
