/**
 * How uncertain weights make a model's outputs f: `C_n = J_n Sigma J_n^T` with the Jacobian J of the outputs of example
 * n and the weights' covariance Sigma (linearised Laplace: Immer, Korzepa & Bauer 2021, arXiv 2008.08402).
 *
 * @module
 */

import type { DenseCapture } from "../core/capture.ts";
import { type Matrix, reshaped, rowsOf } from "../core/matrix.ts";
import { batchShape } from "../nn/example_shape.ts";
import type { ModelObjective } from "../nn/model_objective.ts";
import type { Sequential } from "../nn/sequential.ts";
import { captureOf } from "./example_gradient.ts";
import type { LayerCurvature } from "./layer_curvature.ts";
import { quadraticForms, whiteningOf } from "./whitening.ts";

/** The covariance of a layer's weights, `(F + damping)^-1 / precision`. */
export interface LayerCovariance {
  /** The layer. */
  readonly layer: LayerCurvature;
  /** lambda. */
  readonly damping: number;
  /** What the inverse is divided by. */
  readonly precision: number;
}

/** Outputs of a batch, [N, K], and what is known of how they vary; scratch. */
export interface OutputMoments {
  readonly outputs: Matrix;
  readonly moments: Matrix;
}

/**
 * Variances of outputs, [K, N], and below them of their sum, [K + 1, N], where that is asked for. For a last dense layer
 * alone a few products, whatever the number of outputs; else a backward pass each. Inside a scope.
 *
 * @param x Inputs, as the model takes them.
 */
export function outputVariances(
  goal: ModelObjective,
  x: Matrix,
  examples: number,
  { covariances, sum }: { readonly covariances: readonly LayerCovariance[]; readonly sum: boolean },
): OutputMoments {
  const { backend, model } = goal;
  const outputs = reshaped(model.forward(x, examples), examples, model.output[0]);
  const seeds = seedsOf(outputs.cols, sum);
  const moments = backend.scratch(seeds.length, examples);
  const one = covariances.length === 1 ? covariances[0] : undefined;
  if (one !== undefined && model.layers.at(-1)!.parameter === one.layer.parameter) {
    backward(model, outputs, seeds[0]);
    const capture = goal.capture(one.layer.parameter);
    if (capture?.kind === "dense" && one.layer.block.eigenbasis !== undefined) {
      lastLayer(model, moments, { capture, seeds, covariance: one });
      return { outputs, moments };
    }
  }
  seeds.forEach((seed, k) =>
    backend.scope(() => {
      backward(model, outputs, seed);
      covariances.forEach(({ layer: { block, parameter }, damping, precision }, l) => {
        const capture = captureOf("Cannot predict", goal, parameter);
        const part = quadraticForms(backend, block, capture, damping);
        backend.axpby(rowsOf(moments, k, k + 1), 1 / precision, part, l === 0 ? 0 : 1);
      });
    })
  );
  return { outputs, moments };
}

/**
 * Covariances of each two outputs k >= j, [K (K + 1) / 2, N], row by row of the triangle: a backward pass per output,
 * and the products of the whitened gradients that it leaves. Inside a scope.
 */
export function outputCovariances(
  goal: ModelObjective,
  x: Matrix,
  examples: number,
  covariances: readonly LayerCovariance[],
): OutputMoments {
  const { backend, model } = goal;
  const outputs = reshaped(model.forward(x, examples), examples, model.output[0]);
  const seeds = seedsOf(outputs.cols, false);
  const moments = backend.scratch(seeds.length * (seeds.length + 1) / 2, examples);
  const captures = () =>
    covariances.map(({ layer: { parameter } }) => captureOf("Cannot predict", goal, parameter));
  // All outputs share the inputs of layers, which the first pass has to leave.
  backward(model, outputs, seeds[0]);
  const layers = captures().map((capture, l) => {
    const { layer, damping } = covariances[l];
    const { width, write } = whiteningOf(backend, layer.block, capture, damping);
    return { write, rows: seeds.map(() => backend.scratch(examples, width)) };
  });
  seeds.forEach((seed, k) =>
    backend.scope(() => {
      if (k > 0) backward(model, outputs, seed);
      captures().forEach((capture, l) => layers[l].write(layers[l].rows[k], capture));
    })
  );
  layers.forEach(({ rows }, l) => {
    const scale = 1 / covariances[l].precision;
    let pair = 0;
    for (let k = 0; k < rows.length; k++) {
      for (let j = 0; j <= k; j++, pair++) {
        const place = rowsOf(moments, pair, pair + 1);
        backend.rowDots(place, rows[k], rows[j], { scale, decay: l === 0 ? 0 : 1 });
      }
    }
  });
  return { outputs, moments };
}

/** Unit vectors, and the vector of ones: what outputs are multiplied with before they are differentiated. */
function seedsOf(outputs: number, sum: boolean): readonly Float64Array[] {
  const seeds = Array.from(
    { length: outputs },
    (_, k) => new Float64Array(outputs).fill(1, k, k + 1),
  );
  return sum ? [...seeds, new Float64Array(outputs).fill(1)] : seeds;
}

/** Propagates the derivative of `seed . f` back. */
function backward(model: Sequential, outputs: Matrix, seed: Float64Array): void {
  const { backend } = model;
  const { rows, cols } = outputs;
  const g = backend.scratch(rows, cols);
  backend.write(g, Float64Array.from({ length: rows * cols }, (_, i) => seed[i % cols]));
  model.backward(reshaped(g, ...batchShape(model.output, rows)), { kind: "capture" });
}

/**
 * `v = (S Q_out)^o2 [((abar Q_in)^o2 (1 / (Theta + lambda))^T)]^T` with the seeds S, [R, K]: the Jacobian of seed s is s
 * times abar.
 */
function lastLayer(
  { backend }: Sequential,
  out: Matrix,
  { capture: { inputs }, seeds, covariance: { layer: { block }, damping, precision } }: {
    readonly capture: DenseCapture;
    readonly seeds: readonly Float64Array[];
    readonly covariance: LayerCovariance;
  },
): void {
  const { basis, eigenvalues } = block.eigenbasis!;
  const { rows, cols } = eigenvalues;
  backend.scope(() => {
    const along = backend.scratch(inputs.rows, cols);
    if (basis === undefined) backend.axpby(along, 1, inputs, 0);
    else backend.gemm(along, inputs, basis.input);
    backend.squares(along, along);
    const inverse = backend.scratch(rows, cols);
    backend.write(inverse, new Float64Array(rows * cols).fill(1 / precision));
    backend.dampedDivide(inverse, inverse, { eigenvalues, damping });
    const half = backend.scratch(inputs.rows, rows);
    backend.gemm(half, along, inverse, { transposeB: true });
    const given = backend.scratch(seeds.length, rows);
    backend.write(given, Float64Array.from(seeds.flatMap((seed) => [...seed])));
    const squares = backend.scratch(seeds.length, rows);
    if (basis === undefined) backend.squares(squares, given);
    else {
      backend.gemm(squares, given, basis.output);
      backend.squares(squares, squares);
    }
    backend.gemm(out, squares, half, { transposeB: true });
  });
}
