/**
 * The exact Fisher blocks of a model, by their definition and by nothing else: no capture, no factor, no
 * code of `curvature`.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix } from "@tekfac/tekfac/linalg";
import type { BatchLike, ModelObjective } from "@tekfac/tekfac/nn";

/** Inputs and targets of one example after the other. */
export function* singly(batch: BatchLike, examples: number): Generator<BatchLike> {
  const { inputs, targets } = batch;
  const part = (numbers: ArrayLike<number>, n: number) => {
    const each = numbers.length / examples;
    return Array.from({ length: each }, (_, i) => numbers[n * each + i]);
  };
  for (let n = 0; n < examples; n++) yield { inputs: part(inputs, n), targets: part(targets, n) };
}

/**
 * `F = (1/N) sum_n vec G_n vec G_n^T` of every parameter (docs/MATH.md, 1.7): the model is differentiated
 * at one example at a time, so that the gradient that its backward pass leaves, summed over locations,
 * _is_ `G_n`, and the outer products are added up entry by entry. The targets are the batch's own: the
 * empirical Fisher. Gradients of the parameters are overwritten.
 *
 * Takes (dOut dIn')^2 numbers per parameter. Examples must not depend on each other: no batch
 * normalisation.
 *
 * @returns Symmetric matrices [dOut dIn', dOut dIn'], row-major vec, in the order of the parameters.
 * @throws {ShapeError | DataError} When the batch does not fit the model.
 * @throws {StateError} On a backend that is not synchronous.
 *
 * @example The outer product of a gradient with itself, averaged
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { exactFisher } from "./exact_fisher.ts";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * const problem = objective(model, squaredError());
 * const [{ value }] = problem.parameters;
 * backend.write(value, [0, 0]); // predicts 0: the gradients of y = 1 and y = 2 are -y (x, 1)
 * const [fisher] = exactFisher(problem, { inputs: [3, 1], targets: [1, 2] });
 * assert.deepEqual([...fisher.data], [(9 + 4) / 2, (3 + 4) / 2, (3 + 4) / 2, (1 + 4) / 2]);
 * ```
 */
export function exactFisher(objective: ModelObjective, batch: BatchLike): DenseMatrix[] {
  const { backend, parameters } = objective;
  const examples = objective.examplesOf(batch);
  const blocks = parameters.map(({ value }) => {
    const size = value.rows * value.cols;
    return denseMatrix(size, size);
  });
  for (const example of singly(batch, examples)) {
    backend.scope(() => void objective.differentiate(example, { decay: 0, scale: 1 }));
    parameters.forEach(({ gradient }, p) => {
      const g = backend.readSync(gradient);
      const { data } = blocks[p];
      for (let i = 0; i < g.length; i++) {
        for (let j = 0; j < g.length; j++) data[i * g.length + j] += g[i] * g[j] / examples;
      }
    });
  }
  return blocks;
}
