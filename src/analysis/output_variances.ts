/**
 * How uncertain weights make a model's outputs: `v_nk = J_nk Sigma J_nk^T` with the Jacobian J of output k of example
 * n and the weights' covariance Sigma (linearised Laplace: Immer, Korzepa & Bauer 2021, arXiv 2008.08402).
 *
 * @module
 */

import type { DenseCapture } from "../core/capture.ts";
import { columnsOf, type Matrix, reshaped } from "../core/matrix.ts";
import { batchShape } from "../nn/example_shape.ts";
import type { ModelObjective } from "../nn/model_objective.ts";
import type { Sequential } from "../nn/sequential.ts";
import { captureOf } from "./example_gradient.ts";
import type { LayerCurvature } from "./layer_curvature.ts";
import { quadraticForms } from "./quadratic_forms.ts";

/** The covariance of a layer's weights, `(F + damping)^-1 / precision`. */
export interface LayerCovariance {
  /** The layer. */
  readonly layer: LayerCurvature;
  /** lambda. */
  readonly damping: number;
  /** What the inverse is divided by. */
  readonly precision: number;
}

/**
 * Outputs of a batch and their variances, both [N, K] scratch. For a last dense layer alone a few products, whatever
 * the number of outputs; else a backward pass per output. Inside a scope.
 *
 * @param x Inputs, as the model takes them.
 */
export function outputVariances(
  goal: ModelObjective,
  x: Matrix,
  examples: number,
  covariances: readonly LayerCovariance[],
): { readonly outputs: Matrix; readonly variances: Matrix } {
  const { backend, model } = goal;
  const outputs = reshaped(model.forward(x, examples), examples, model.output[0]);
  const variances = backend.scratch(examples, outputs.cols);
  const one = covariances.length === 1 ? covariances[0] : undefined;
  if (one !== undefined && model.layers.at(-1)!.parameter === one.layer.parameter) {
    backward(model, outputs, undefined);
    const capture = goal.capture(one.layer.parameter);
    if (capture?.kind === "dense" && one.layer.block.eigenbasis !== undefined) {
      lastLayer(model, variances, capture, one);
      return { outputs, variances };
    }
  }
  const column = backend.scratch(1, examples);
  for (let k = 0; k < outputs.cols; k++) {
    backend.scope(() => {
      backward(model, outputs, k);
      covariances.forEach(({ layer: { block, parameter }, damping, precision }, l) => {
        const capture = captureOf("Cannot predict", goal, parameter);
        const part = quadraticForms(backend, block, capture, damping);
        backend.axpby(column, 1 / precision, part, l === 0 ? 0 : 1);
      });
      backend.axpby(columnsOf(variances, k, k + 1), 1, reshaped(column, examples, 1), 0);
    });
  }
  return { outputs, variances };
}

/** Propagates the derivative of output `k` back; of all where it is left out. */
function backward(model: Sequential, outputs: Matrix, k: number | undefined): void {
  const { backend } = model;
  const { rows, cols } = outputs;
  const g = backend.scratch(rows, cols);
  backend.write(
    g,
    Float64Array.from({ length: rows * cols }, (_, i) => k === undefined || i % cols === k ? 1 : 0),
  );
  model.backward(reshaped(g, ...batchShape(model.output, rows)), { kind: "capture" });
}

/**
 * `v = ((abar Q_in)^o2 (1 / (Theta + lambda))^T) (Q_out^o2)^T`: the Jacobian of output k is the unit vector e_k times
 * abar.
 */
function lastLayer(
  { backend }: Sequential,
  out: Matrix,
  { inputs }: DenseCapture,
  { layer: { block }, damping, precision }: LayerCovariance,
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
    backend.gemm(basis === undefined ? out : half, along, inverse, { transposeB: true });
    if (basis === undefined) return;
    const squares = backend.scratch(rows, rows);
    backend.squares(squares, basis.output);
    backend.gemm(out, half, squares, { transposeB: true });
  });
}
