/**
 * Losses per example, with what each needs to know of its targets.
 *
 * @module
 */

export * from "./loss.ts";
export * from "./sigmoid_cross_entropy.ts";
export * from "./softmax_cross_entropy.ts";
export { squaredError, type SquaredErrorOptions } from "./squared_error.ts";
