/**
 * Between variables of TensorFlow.js and matrices of this library.
 *
 * A kernel is [dIn, dOut] there (a convolution's [kernel row, kernel column, channel, dOut] is that
 * when it is read row by row); here weights are its transpose with the bias as the last column. Tables, scales
 * above shifts and single variables are rows on both sides.
 *
 * @module
 */

import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import type { Matrix } from "../../core/matrix.ts";
import { leavesCaptures } from "../../core/parameter.ts";
import type { ExternalModel } from "../../optim/external_model.ts";
import type { Exchange } from "./exchange.ts";
import type { Site } from "./layers.ts";

/**
 * A site's variables (or their gradients) as its matrix, which the caller disposes.
 *
 * @param site Whose.
 * @param tensors One for each of its variables.
 */
export function toMatrix(site: Site, tensors: readonly tf.Tensor[]): tf.Tensor {
  const { layer, shape: [rows, cols] } = site.parameter;
  return tf.tidy(() => {
    const transposed = leavesCaptures(layer);
    const width = transposed ? rows : cols;
    const matrix = tf.concat(tensors.map((tensor) => tf.reshape(tensor, [-1, width])), 0);
    return transposed ? tf.transpose(matrix) : matrix;
  });
}

/** The inverse of {@linkcode toMatrix}: a tensor for each of the site's variables. */
export function fromMatrix(site: Site, matrix: tf.Tensor): tf.Tensor[] {
  return tf.tidy(() => {
    const { parameter: { layer }, variables } = site;
    // Vectors are parts of a vector: the framework's WASM backend knows a reshaped one by its old shape.
    const vector = leavesCaptures(layer) ? tf.transpose(matrix) : matrix;
    return tf.split(tf.reshape(vector, [-1]), variables.map(({ size }) => size))
      .map((part, index) => tf.reshape(part, variables[index].shape));
  });
}

/** Keeps an external model's weights equal to a model's variables. */
export class WeightLink {
  readonly #matrices: readonly (readonly [Site, Matrix])[];
  readonly #exchange: Exchange;
  /** The data of each variable as they were last seen; an assignment replaces them. */
  readonly #seen = new Map<tf.Variable, object>();

  /** Of the model's sites and the matrices that were made for them, in the same order. */
  constructor(sites: readonly Site[], external: ExternalModel, exchange: Exchange) {
    this.#matrices = sites.map((site, index) => [site, external.parameters[index].value]);
    this.#exchange = exchange;
  }

  /** Takes over what was assigned to variables since the last call: at first, all of them. */
  pull(): void {
    for (const [site, matrix] of this.#matrices) {
      if (site.variables.every((variable) => this.#seen.get(variable) === variable.dataId)) {
        continue;
      }
      tf.tidy(() => this.#exchange.write(matrix, toMatrix(site, site.variables)));
      this.#note(site);
    }
  }

  /** Assigns the weights to the variables. */
  push(): void {
    for (const [site, matrix] of this.#matrices) {
      tf.tidy(() => {
        const numbers = fromMatrix(site, this.#exchange.read(matrix, site.parameter.shape));
        site.variables.forEach((variable, index) => variable.assign(numbers[index]));
      });
      this.#note(site);
    }
  }

  /** Has all variables taken over by the next call of {@linkcode WeightLink.pull}. */
  forget(): void {
    this.#seen.clear();
  }

  #note(site: Site): void {
    for (const variable of site.variables) this.#seen.set(variable, variable.dataId);
  }
}
