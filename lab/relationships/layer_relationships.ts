/**
 * What the Fisher blocks of a model's layers are, and what the four approximations make of them.
 *
 * @module
 */

import { type KroneckerCapture, leavesCaptures } from "@tekfac/tekfac/core";
import { type DenseMatrix, eigh, frobeniusNorm, mapMatrix, trace } from "@tekfac/tekfac/linalg";
import type { BatchLike, ModelObjective } from "@tekfac/tekfac/nn";
import {
  approximate,
  type Approximations,
  type FisherMethod,
  fisherMethods,
} from "./approximations.ts";
import { exactFisher, singly } from "./exact_fisher.ts";

/** A layer's exact block beside its approximations, for one set of examples. */
export interface FisherComparison extends Approximations {
  /** N. */
  readonly examples: number;
  /** F, [dOut dIn', dOut dIn']. */
  readonly fisher: DenseMatrix;
}

/** Everything that the theorems about one layer speak of. */
export interface LayerRelationships extends FisherComparison {
  /** Name of the layer's parameter. */
  readonly name: string;
  /** dOut. */
  readonly outputs: number;
  /** dIn'. */
  readonly inputs: number;
  /** Whether the last of the inputs is the constant 1. */
  readonly bias: boolean;
  /** T; 1 for a dense layer. */
  readonly locations: number;
  /** The same for the first example alone. */
  readonly single: FisherComparison;
}

/**
 * Computes the exact Fisher block of every layer with a capture and the four approximations of it, for a
 * batch and for its first example alone. For small layers: takes a few times (dOut dIn')^2 numbers each.
 *
 * The blocks' theorems are statements about exact arithmetic: ask the reference backend.
 *
 * @param objective A model without batch normalisation, and its loss, on a synchronous backend. Its
 * weights stay, its gradients are overwritten.
 * @param batch The examples over which F is the mean.
 * @throws {ShapeError | DataError} When the batch does not fit the model.
 * @throws {StateError} On a backend that is not synchronous.
 *
 * @example How far two approximations are from the exact block
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, objective, sequential, squaredError } from "@tekfac/tekfac";
 * import { fisherErrors, fisherRelationships } from "./layer_relationships.ts";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using model = sequential(backend, { input: [2], layers: [dense(2)], seed: 1 });
 * const batch = { inputs: [1, 0, 2, 1, 0, 3], targets: [1, 0, 0, 1, 2, 1] };
 * const [layer] = fisherRelationships(objective(model, squaredError()), batch);
 * const errors = fisherErrors(layer);
 * assert(errors.tekfac.frobenius <= errors.tkfac.frobenius);
 * ```
 */
export function fisherRelationships(
  objective: ModelObjective,
  batch: BatchLike,
): LayerRelationships[] {
  const all = compare(objective, batch);
  const [first] = singly(batch, objective.examplesOf(batch));
  const one = compare(objective, first);
  return all.map((comparison, i) => ({ ...comparison, single: one[i] }));
}

type Described = Omit<LayerRelationships, "single">;

function compare(objective: ModelObjective, batch: BatchLike): Described[] {
  const { backend, parameters } = objective;
  const fishers = exactFisher(objective, batch);
  return backend.scope(() => {
    const examples = objective.examplesOf(batch);
    objective.differentiate(batch, undefined);
    return parameters.flatMap((parameter, i): Described[] => {
      const { layer, value, name } = parameter;
      if (!leavesCaptures(layer)) return [];
      // Of a layer that has Kronecker factors.
      const capture = objective.capture(parameter) as KroneckerCapture;
      const bias = layer.kind === "conv2d" ? layer.geometry.bias : layer.bias;
      return [{
        ...{ name, outputs: value.rows, inputs: value.cols, bias, examples },
        locations: capture.outputGradients.rows / examples,
        fisher: fishers[i],
        ...approximate(backend, parameter, capture),
      }];
    });
  });
}

/** How far an approximation is from the exact block. */
export interface FisherError {
  /** `|F - X|_F`. */
  readonly frobenius: number;
  /** `|F - X|_2`, the largest absolute eigenvalue of the difference. */
  readonly spectral: number;
  /** `tr X`. */
  readonly trace: number;
}

/** The errors of all four approximations. Solves an eigenproblem of dOut dIn' rows for each. */
export function fisherErrors(
  { fisher, matrices }: FisherComparison,
): Record<FisherMethod, FisherError> {
  const errorOf = (method: FisherMethod): FisherError => {
    const difference = mapMatrix(fisher, (exact, near) => exact - near, matrices[method]);
    const { values } = eigh(difference);
    return {
      frobenius: frobeniusNorm(difference),
      spectral: Math.max(Math.abs(values[0]), Math.abs(values[values.length - 1])),
      trace: trace(matrices[method]),
    };
  };
  return Object.fromEntries(fisherMethods.map((method) => [method, errorOf(method)])) as Record<
    FisherMethod,
    FisherError
  >;
}
