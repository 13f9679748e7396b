/**
 * Several models of one architecture as one: averages of weights that count where each model knows something.
 *
 * @module
 */

import { OptionError, ShapeError, StateError } from "../core/errors.ts";
import { type Matrix, shapeOf } from "../core/matrix.ts";
import { maybe, resolve } from "../core/schema.ts";
import { Owner } from "../curvature/blocks/block.ts";
import type { Objective } from "../optim/objective.ts";
import { solveByProducts } from "./conjugate_gradients.ts";
import type { Curvature } from "./curvature.ts";
import { type InverseDamping, inverseDampingRule } from "./damping.ts";
import { type LongWork, Work } from "./work.ts";

const SUBJECT = "Cannot merge models";

/** Options of {@linkcode mergeModels}. */
export interface MergeOptions extends LongWork {
  /** Pulls towards the plain mean; a number alone is lambda. @default {each curvature's own} */
  readonly damping?: InverseDamping | number;
}

/**
 * Writes into a model the weights with which the quadratic models of several others, taken together, are lowest:
 *
 * ```text
 * w = (sum_m N_m (F_m + lambda_m))^-1 sum_m N_m (F_m + lambda_m) w_m
 * ```
 *
 * layer by layer, by conjugate gradients (Fisher-weighted averaging: Matena & Raffel 2022, arXiv 2111.09832, there with
 * diagonals). Weights without curvature, and running statistics, become means. Models should have begun with the same
 * weights: networks that differ by a permutation of units have no useful average.
 *
 * @param target What is overwritten; may be one of the models.
 * @param curvatures Of the models that are merged, two or more, on the target's backend.
 * @param options Damping.
 * @throws {OptionError} When there are fewer than two, or lambda is zero in a singular layer.
 * @throws {ShapeError} When a layer has another shape in one of them.
 * @throws {StateError} When a model lacks a layer, lives on another backend, or has changed since its curvature was
 * fitted.
 * @throws The reason of the signal, when it is aborted. In each case nothing is written.
 *
 * @example One model knows the first weight, the other the second
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { curvatureOf, mergeModels } from "@tekfac/tekfac/analysis";
 * import { allClose } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * const layers = [dense(1, { bias: false })];
 * const create = (weights: number[]) => {
 *   const model = sequential(backend, { input: [2], layers, seed: 1 });
 *   backend.write(model.parameters[0].value, weights);
 *   return model;
 * };
 * using left = create([3, 0]);
 * using right = create([0, 5]);
 * const goals = [left, right].map((model) => objective(model, squaredError()));
 * using first = await curvatureOf(goals[0], { inputs: [1, 0], targets: [3] });
 * using second = await curvatureOf(goals[1], { inputs: [0, 1], targets: [5] });
 * const damping = { kind: "relative", tau: 1e-6 } as const;
 * await mergeModels(goals[0], [first, second], { damping });
 * allClose(backend.readSync(left.parameters[0].value), [3, 5], { relative: 1e-5 });
 * ```
 */
export async function mergeModels<B>(
  target: Objective<B>,
  curvatures: readonly Curvature<B>[],
  options: MergeOptions = {},
): Promise<void> {
  const { signal, onProgress, ...chosen } = options;
  const { damping } = resolve(SUBJECT, chosen, { damping: maybe(inverseDampingRule) });
  const work = new Work({ signal, onProgress });
  if (!Array.isArray(curvatures) || curvatures.length < 2) {
    throw new OptionError(SUBJECT, "curvatures", "must be a list of two or more", curvatures);
  }
  for (const curvature of curvatures) await curvature.checkModel(SUBJECT);
  const { backend } = target;
  const owner = new Owner();
  try {
    const total = curvatures.reduce((sum, { facts }) => sum + facts.examples, 0);
    const merged: [to: Matrix, from: Matrix][] = [];
    for (const [l, { name, value }] of target.parameters.entries()) {
      const next = () => work.advance("layers", l, target.parameters.length);
      await next();
      const parts = curvatures.map((curvature) => partOf(curvature, target, name, value));
      const [x, b] = [value, value].map(({ rows, cols }) => owner.alloc(backend, rows, cols));
      parts.forEach(({ weights, share }) => backend.axpby(x, share / total, weights, 1));
      merged.push([value, x]);
      if (!parts.every(({ layer }) => layer !== undefined)) continue;
      const apply = (out: Matrix, v: Matrix, of: readonly Matrix[] = []): void => {
        const pull = backend.scratch(v.rows, v.cols);
        parts.forEach(({ layer, share }, m) => {
          layer!.multiply(pull, of[m] ?? v);
          backend.axpby(pull, layer!.lambda(damping), of[m] ?? v, 1);
          backend.axpby(out, share / total, pull, m === 0 ? 0 : 1);
        });
      };
      backend.scope(() => apply(b, x, parts.map(({ weights }) => weights)));
      await solveByProducts(backend, apply, x, b, next);
    }
    for (const [name, matrix] of Object.entries(target.state ?? {})) {
      const mean = owner.alloc(backend, matrix.rows, matrix.cols);
      for (const { objective, facts } of curvatures) {
        backend.axpby(mean, facts.examples / total, objective.state![name], 1);
      }
      merged.push([matrix, mean]);
    }
    for (const [to, from] of merged) backend.axpby(to, 1, from, 0);
  } finally {
    owner[Symbol.dispose]();
  }
}

/** One model's part in a parameter. */
function partOf<B>(
  { objective, layers, facts }: Curvature<B>,
  target: Objective<B>,
  name: string,
  value: Matrix,
) {
  const parameter = objective.parameters.find((other) => other.name === name);
  if (objective.backend !== target.backend || parameter === undefined) {
    throw new StateError(
      `${SUBJECT}: expected models with a layer '${name}' on one backend, received one without`,
    );
  }
  const { value: weights } = parameter;
  if (weights.rows !== value.rows || weights.cols !== value.cols) {
    throw new ShapeError(`${SUBJECT}: layer '${name}'`, shapeOf(value), shapeOf(weights));
  }
  const layer = layers.find((other) => other.parameter === parameter);
  return { weights, layer, share: facts.examples };
}
