/**
 * Arithmetic on the shape of one example, and from it to the matrix that holds a batch.
 *
 * @module
 */

import { ShapeError } from "../core/errors.ts";
import { type Rule, where } from "../core/schema.ts";
import type { BuildContext, ExampleShape } from "./module.ts";

/** Height, width and channels of an image. */
export type ImageShape = readonly [height: number, width: number, channels: number];

/** Numbers per example: features, or height * width * channels. */
export function sizeOf(shape: ExampleShape): number {
  return shape.length === 1 ? shape[0] : shape[0] * shape[1] * shape[2];
}

/** Shape of the matrix that holds a batch: [N, features] or [N * height * width, channels]. */
export function batchShape(shape: ExampleShape, examples: number): [rows: number, cols: number] {
  return shape.length === 1 ? [examples, shape[0]] : [examples * shape[0] * shape[1], shape[2]];
}

/** `"784"` or `"28 x 28 x 1"`, for messages and tables. */
export function formatShape(shape: ExampleShape): string {
  return shape.join(" x ");
}

/** What an option takes that is the shape of one example. */
export const shapeRule: Rule<ExampleShape> = where(
  "[features] or [height, width, channels], integers >= 1",
  (shape): shape is ExampleShape =>
    Array.isArray(shape) && (shape.length === 1 || shape.length === 3) &&
    shape.every((size) => Number.isInteger(size) && size >= 1),
);

/**
 * The number of features a layer receives.
 *
 * @throws {ShapeError} When it receives images.
 */
export function expectFeatures(context: BuildContext): number {
  if (context.input.length === 1) return context.input[0];
  throw new ShapeError(
    `Cannot build '${context.name}'`,
    "one row of features per example (insert flatten() before it)",
    `images of ${formatShape(context.input)}`,
  );
}

/**
 * The shape of the images a layer receives.
 *
 * @throws {ShapeError} When it receives rows of features.
 */
export function expectImages(context: BuildContext): ImageShape {
  if (context.input.length === 3) return context.input;
  throw new ShapeError(
    `Cannot build '${context.name}'`,
    "images (give the model's input as [height, width, channels] and flatten() only after it)",
    `rows of ${formatShape(context.input)} features`,
  );
}
