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

/** Positions and channels of a sequence. */
export type SequenceShape = readonly [positions: number, channels: number];

/** Numbers per example: the product of all sizes. */
export function sizeOf(shape: ExampleShape): number {
  return shape.reduce<number>((product, size) => product * size, 1);
}

/** Rows of an example: its positions or pixels, 1 for a row of features. */
export function rowsPerExample(shape: ExampleShape): number {
  return sizeOf(shape) / channelsOf(shape);
}

/** Numbers of a row: features or channels. */
export function channelsOf(shape: ExampleShape): number {
  return shape[shape.length - 1]!;
}

/** Shape of the matrix that holds a batch: [N, features], or [N * positions, channels], pixels alike. */
export function batchShape(shape: ExampleShape, examples: number): [rows: number, cols: number] {
  return [examples * rowsPerExample(shape), channelsOf(shape)];
}

/** `"784"` or `"28 x 28 x 1"`, for messages and tables. */
export function formatShape(shape: ExampleShape): string {
  return shape.join(" x ");
}

/** What an option takes that is the shape of one example. */
export const shapeRule: Rule<ExampleShape> = where(
  "[features], [positions, channels] or [height, width, channels], integers >= 1",
  (shape): shape is ExampleShape =>
    Array.isArray(shape) && shape.length >= 1 && shape.length <= 3 &&
    shape.every((size) => Number.isInteger(size) && size >= 1),
);

/**
 * The shape of the features or of the sequences that a layer receives.
 *
 * @throws {ShapeError} When it receives images.
 */
export function expectNoImages({ input, name }: BuildContext): SequenceShape | readonly [number] {
  if (input.length !== 3) return input;
  throw new ShapeError(
    `Cannot build '${name}'`,
    "one row of features per example (insert flatten() before it) or a sequence",
    `images of ${formatShape(input)}`,
  );
}

/**
 * The shape of the sequences a layer receives.
 *
 * @throws {ShapeError} When it receives rows of features or images.
 */
export function expectSequence({ input, name }: BuildContext): SequenceShape {
  if (input.length === 2) return input;
  throw new ShapeError(
    `Cannot build '${name}'`,
    "a sequence [positions, channels], such as an embedding() gives",
    input.length === 1 ? `rows of ${input[0]} features` : `images of ${formatShape(input)}`,
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
    context.input.length === 1
      ? `rows of ${formatShape(context.input)} features`
      : `sequences of ${formatShape(context.input)}`,
  );
}

/**
 * Checks that groups divide what comes in and what goes out.
 *
 * @throws {ShapeError} When they do not.
 */
export function expectGroups(
  { input, name }: BuildContext,
  groups: number,
  outChannels: number,
): void {
  const channels = channelsOf(input);
  if (channels % groups === 0 && outChannels % groups === 0) return;
  throw new ShapeError(
    `Cannot build '${name}'`,
    `incoming and outgoing channels that ${groups} groups divide`,
    `${channels} and ${outChannels}`,
  );
}
