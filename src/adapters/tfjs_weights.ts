/**
 * Between variables of TensorFlow.js and matrices of this library.
 *
 * A kernel is [dIn, dOut] there (a convolution's [kernel row, kernel column, channel, dOut] is that
 * when it is read row by row); here weights are its transpose with the bias as the last column.
 *
 * @module
 */

import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import type { ExternalModel, WeightArrays } from "../optim/external_model.ts";
import type { Site } from "./tfjs_layers.ts";

/**
 * Numbers of a site's variables (or of their gradients) as its matrix, row by row.
 *
 * @param site Whose.
 * @param numbers Of each of its variables.
 */
export function toMatrix(site: Site, numbers: readonly ArrayLike<number>[]): Float32Array {
  const [rows, cols] = site.parameter.shape;
  const matrix = new Float32Array(rows * cols);
  if (site.parameter.layer.kind === "other") {
    matrix.set(numbers[0]);
    return matrix;
  }
  const [kernel, bias] = numbers;
  for (let row = 0; row < rows; row++) {
    for (let i = 0, at = row; at < kernel.length; i++, at += rows) {
      matrix[row * cols + i] = kernel[at];
    }
    if (bias !== undefined) matrix[row * cols + cols - 1] = bias[row];
  }
  return matrix;
}

/** The inverse of {@linkcode toMatrix}: new arrays, one for each of the site's variables. */
export function fromMatrix(site: Site, matrix: ArrayLike<number>): Float32Array[] {
  if (site.parameter.layer.kind === "other") return [Float32Array.from(matrix)];
  const [rows, cols] = site.parameter.shape;
  const [kernel, bias] = site.variables.map(({ size }) => new Float32Array(size));
  for (let row = 0; row < rows; row++) {
    for (let i = 0, at = row; at < kernel.length; i++, at += rows) {
      kernel[at] = matrix[row * cols + i];
    }
    if (bias !== undefined) bias[row] = matrix[row * cols + cols - 1];
  }
  return bias === undefined ? [kernel] : [kernel, bias];
}

/** Keeps an external model's weights equal to a model's variables. */
export class WeightLink {
  readonly #sites: readonly Site[];
  readonly #external: ExternalModel;
  /** The data of each variable as they were last seen; an assignment replaces them. */
  readonly #seen = new Map<tf.Variable, object>();

  /** Of the model's sites and the matrices that were made for them. */
  constructor(sites: readonly Site[], external: ExternalModel) {
    this.#sites = sites;
    this.#external = external;
  }

  /** Takes over what was assigned to variables since the last call: at first, all of them. */
  pull(): void {
    const weights: Record<string, Float32Array> = {};
    for (const site of this.#sites) {
      if (site.variables.every((variable) => this.#seen.get(variable) === variable.dataId)) {
        continue;
      }
      weights[site.parameter.name] = toMatrix(site, site.variables.map((v) => v.dataSync()));
      this.#note(site);
    }
    this.#external.writeWeights(weights);
  }

  /** Assigns the weights to the variables. */
  push(): void {
    const weights: WeightArrays = this.#external.readWeightsSync();
    for (const site of this.#sites) {
      const numbers = fromMatrix(site, weights[site.parameter.name]);
      tf.tidy(() => {
        site.variables.forEach((variable, index) =>
          variable.assign(tf.tensor(numbers[index], variable.shape))
        );
      });
      this.#note(site);
    }
  }

  #note(site: Site): void {
    for (const variable of site.variables) this.#seen.set(variable, variable.dataId);
  }
}
