/**
 * A layer that predicts and does nothing else.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import type { NamedArray } from "../core/safetensors.ts";
import { type DenseMatrix, denseMatrix } from "../linalg/dense_matrix.ts";
import type { ExampleShape } from "../nn/module.ts";

/** A layer with its weights. */
export interface Stage {
  /** Shape of one outgoing example. */
  readonly output: ExampleShape;
  /**
   * Outputs for a batch.
   *
   * @param x [N, features], or [N * positions, channels].
   */
  run(x: DenseMatrix): DenseMatrix;
}

/** A layer's options, and where its weights are. */
export interface Site {
  /** Kind and number: `"dense1"`. */
  readonly name: string;
  /** Shape of one incoming example. */
  readonly input: ExampleShape;
  /** What the layer was made with. */
  // deno-lint-ignore no-explicit-any
  readonly options: any;
  /** All arrays of the file. */
  readonly arrays: Readonly<Record<string, NamedArray>>;
  /** Makes the layers inside, which are counted like all others. */
  inner(descriptions: unknown): Stage[];
  /** The name of the next layer of a kind. */
  count(kind: string): string;
  /** The name of a layer that has been described before. */
  nameOf(description: unknown): string;
}

/** Makes a stage. */
export type StageMaker = (site: Site) => Stage;

/**
 * A matrix of the file.
 *
 * @param rows What it must have; any number of rows if left out.
 * @throws {DataError} When it is missing or of another shape.
 */
export function take(
  { arrays }: Pick<Site, "arrays">,
  name: string,
  rows: number | undefined,
  cols: number,
): DenseMatrix {
  const { shape, data } = Object.hasOwn(arrays, name) ? arrays[name] : { shape: [], data: [] };
  if (shape.length === 2 && shape[0] === (rows ?? shape[0]) && shape[1] === cols) {
    return denseMatrix(shape[0], cols, data);
  }
  const expected = `[${rows ?? "rows"}, ${cols}]`;
  throw new DataError("model", `expected '${name}' ${expected}, received [${shape.join(", ")}]`);
}

/** Holds a file to what a layer needs. */
export function expect(holds: boolean, { name }: Pick<Site, "name">, what: string): void {
  if (!holds) throw new DataError("model", `its layer '${name}' expects ${what}`);
}
