/**
 * Wide layers as two thin ones.
 *
 * @module
 */

import { OptionError, StateError } from "../core/errors.ts";
import { div, formula, max, mul, sqrt } from "../core/formula.ts";
import { columnsOf, type Matrix } from "../core/matrix.ts";
import { isRecord } from "../core/schema.ts";
import type { LayerDescription } from "../nn/architecture.ts";
import { layersFrom } from "../nn/layers_from.ts";
import { ModelObjective } from "../nn/model_objective.ts";
import { type Sequential, sequential } from "../nn/sequential.ts";
import type { Curvature } from "./curvature.ts";
import type { LayerCurvature } from "./layer_curvature.ts";
import { eigenbasisOf } from "./saliency.ts";

const SUBJECT = "Cannot compress a model";

/** Below this share of the mean, weight of a direction in the error is taken for it: rounding decides less. */
const FLOOR = 1e-4;

/**
 * A new model in which some dense layers are products of two thin ones, `Wbar ~ left right` with left [dOut, r] and
 * right [r, dIn'] (the bias in it), by the curvature-weighted error: with the layer's basis and the nearest product of
 * its eigenvalues, `Theta_ij ~ b_i a_j`,
 *
 * ```text
 * minimise |diag(b)^(1/2) Q_out^T (Wbar - left right) Q_in diag(a)^(1/2)|_F
 * ```
 *
 * whose solution is a singular value decomposition (weighted low rank: Hsu et al. 2022, arXiv 2207.00112, there with
 * diagonals). Without curvature it would be that of Wbar alone. A layer of `dOut dIn'` weights becomes one of
 * `r (dOut + dIn')`.
 *
 * @param curvature Of full rank, at the weights that the model has now; the model stays as it is.
 * @param ranks r of each layer, by name, >= 1; others stay whole. They must be dense layers that are not inside of
 * another layer.
 * @returns A new model on the same backend; the caller disposes it.
 * @throws {OptionError} When a layer cannot be cut, or a rank is not between 1 and its smaller side.
 * @throws {StateError} When the model is not one of this library's layers, or has other weights than the curvature was
 * fitted at.
 *
 * @example A layer of rank one needs no more
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { compress, curvatureOf } from "@tekfac/tekfac/analysis";
 * import { allClose } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using model = sequential(backend, { input: [2], layers: [dense(3)], seed: 1 });
 * backend.write(model.parameters[0].value, [1, 2, 3, 2, 4, 6, 3, 6, 9]);
 * const data = { inputs: [1, 0, 0, 1, 1, 1, 2, 1], targets: Array(12).fill(0) };
 * using curvature = await curvatureOf(objective(model, squaredError()), data);
 * using thin = await compress(curvature, { dense1: 1 });
 * allClose(
 *   await objective(thin, squaredError()).predict([5, 7]),
 *   await objective(model, squaredError()).predict([5, 7]),
 *   { relative: 1e-6 },
 * );
 * ```
 */
export async function compress<B>(
  curvature: Curvature<B>,
  ranks: Readonly<Record<string, number>>,
): Promise<Sequential> {
  const { objective: goal } = curvature;
  if (!(goal instanceof ModelObjective) || goal.model.architecture === undefined) {
    throw new StateError(`${SUBJECT}: expected a model of this library's layers, received another`);
  }
  const { model } = goal;
  checkRanks(curvature, model, ranks);
  await curvature.checkModel(SUBJECT);
  const described: { input: Sequential["input"]; layers: LayerDescription[] } = JSON.parse(
    model.architecture!,
  );
  const layers = described.layers.flatMap((layer, i) => {
    const rank = ranks[model.layers[i].name];
    if (rank === undefined) return [layer];
    const { bias, outFeatures } = layer.options!;
    return [
      { kind: "dense", options: { outFeatures: rank, bias } },
      { kind: "dense", options: { outFeatures, bias: false } },
    ];
  });
  const specs = layersFrom(layers, "model");
  const thin = sequential(model.backend, { input: described.input, layers: specs, seed: 0 });
  try {
    if (thin.parameters.length !== model.parameters.length + Object.keys(ranks).length) {
      throw new StateError(`${SUBJECT}: layers of the model share weights, which cannot be cut`);
    }
    const parameters = [...thin.parameters];
    for (const { name, value } of model.parameters) {
      const to = parameters.shift()!.value;
      const layer = ranks[name] === undefined
        ? undefined
        : curvature.layers.find((layer) => layer.name === name);
      if (layer === undefined) model.backend.axpby(to, 1, value, 0);
      else model.backend.scope(() => cut(layer, to, parameters.shift()!.value));
    }
    const state = Object.values(thin.state);
    Object.values(model.state).forEach((from, i) => model.backend.axpby(state[i], 1, from, 0));
    return thin;
  } catch (error) {
    thin[Symbol.dispose]();
    throw error;
  }
}

function checkRanks<B>(
  curvature: Curvature<B>,
  model: Sequential,
  ranks: Readonly<Record<string, number>>,
): void {
  if (!isRecord(ranks)) {
    throw new OptionError(SUBJECT, "ranks", "must be numbers by name of the layer", ranks);
  }
  for (const [name, rank] of Object.entries(ranks)) {
    const [layer] = curvature.layersOf(SUBJECT, [name]);
    eigenbasisOf(SUBJECT, layer);
    const { value, layer: { kind } } = layer.parameter;
    if (kind !== "dense" || !model.layers.some((own) => own.parameter === layer.parameter)) {
      throw new OptionError(SUBJECT, name, "must be a dense layer that is in no other", kind);
    }
    const most = Math.min(value.rows, value.cols);
    if (Number.isInteger(rank) && rank >= 1 && rank <= most) continue;
    throw new OptionError(SUBJECT, name, `must be an integer from 1 to ${most}`, rank);
  }
}

/** Writes `right` [r, dIn'] and `left` [dOut, r]. Inside a scope. */
function cut(layer: LayerCurvature, right: Matrix, left: Matrix): void {
  const { backend, parameter: { value: { rows, cols } } } = layer;
  const { basis, eigenvalues } = eigenbasisOf(SUBJECT, layer);
  const scratch = (r: number, c: number): Matrix => backend.scratch(r, c);
  const roots = (size: number, other: number, transpose: boolean) => {
    const [sums, root, inverse] = [scratch(1, size), scratch(1, size), scratch(1, size)];
    const [ones, total] = [scratch(1, other), scratch(1, 1)];
    backend.write(ones, new Float64Array(other).fill(1));
    backend.gemm(sums, ones, eigenvalues, { transposeB: transpose });
    backend.sum(total, sums);
    backend.evaluate(rootsOf, { sums, total, floor: FLOOR / size }, { root, inverse });
    return { root, inverse };
  };
  const b = roots(rows, cols, true), a = roots(cols, rows, false);
  const w = scratch(rows, cols);
  if (basis === undefined) backend.axpby(w, 1, layer.parameter.value, 0);
  else backend.rotateInto(w, layer.parameter.value, basis);
  backend.scaleRows(w, w, b.root);
  scaleColumns(layer, w, a.root);

  // Leading left singular vectors, from the eigenvectors of W W^T; eigenvalues ascend.
  const [gram, vectors] = [scratch(rows, rows), scratch(rows, rows)];
  backend.gemm(gram, w, w, { transposeB: true });
  const [values, status] = [scratch(1, rows), scratch(1, 3)];
  backend.eigh([{ matrix: gram, vectors, values, status }]);
  const rank = left.cols;
  const leading = scratch(rows, rank);
  backend.axpby(leading, 1, columnsOf(vectors, rows - rank, rows), 0);
  const thin = scratch(rank, cols);
  backend.gemm(thin, leading, w, { transposeA: true });
  scaleColumns(layer, thin, a.inverse);
  backend.scaleRows(leading, leading, b.inverse);
  if (basis === undefined) {
    backend.axpby(right, 1, thin, 0);
    backend.axpby(left, 1, leading, 0);
  } else {
    backend.gemm(right, thin, basis.input, { transposeB: true });
    backend.gemm(left, basis.output, leading);
  }
}

/** `x_ij <- x_ij s_j`. */
function scaleColumns({ backend }: LayerCurvature, x: Matrix, scales: Matrix): void {
  const [ones, all] = [backend.scratch(1, x.rows), backend.scratch(x.rows, x.cols)];
  backend.write(ones, new Float64Array(x.rows).fill(1));
  backend.gemm(all, ones, scales, { transposeA: true });
  backend.dampedDivide(x, x, { eigenvalues: all, damping: 0, exponent: -1 });
}

/** Roots of sums, not less than a share of their total, and one over them. */
const rootsOf = formula(
  { sums: "vector", total: "number", floor: "number" },
  ({ sums, total, floor }) => {
    const root = sqrt(max(sums, max(mul(floor, total), 1e-30)));
    return { root, inverse: div(1, root) };
  },
);
