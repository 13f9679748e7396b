/** A small classification problem that the optimizer tests share. */

import { Random } from "@tekfac/tekfac/core";
import { type Backend, CheckedBackend, createReferenceKernels } from "@tekfac/tekfac/backend";
import {
  dense,
  type ModelObjective,
  objective,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";

export interface Batch {
  readonly inputs: Float64Array;
  readonly targets: number[];
  readonly examples: number;
}

/** Float64 numbers, so that only the mathematics is tested. */
export function referenceBackend(): Backend {
  return new CheckedBackend(createReferenceKernels(), []);
}

/** A 4-5-3 tanh network. The caller disposes the model. */
export function smallModel(backend: Backend, seed = 1): Sequential {
  return sequential(backend, { input: [4], layers: [dense(5), tanh(), dense(3)], seed });
}

/** The model with softmax cross-entropy. */
export function problemOf(model: Sequential): ModelObjective {
  return objective(model, softmaxCrossEntropy());
}

/** Inputs with unequal scales and labels that depend on them. */
export function makeBatch(examples: number, seed: number): Batch {
  const random = new Random(seed);
  const inputs = Float64Array.from(
    { length: 4 * examples },
    (_, i) => random.normal() * [1, 0.1, 3, 0.5][i % 4],
  );
  const targets = Array.from({ length: examples }, (_, n) => {
    const [a, , c, d] = inputs.subarray(4 * n, 4 * n + 4);
    return a + c > 1 ? 2 : d > 0 ? 1 : 0;
  });
  return { inputs, targets, examples };
}

/** Examples `from` to `to` of a batch. */
export function sliceOf(batch: Batch, from: number, to: number): Batch {
  return {
    inputs: batch.inputs.slice(4 * from, 4 * to),
    targets: batch.targets.slice(from, to),
    examples: to - from,
  };
}

/** All weights, one after the other. */
export function weightsOf(model: Sequential): number[] {
  return model.parameters.flatMap(({ value }) => [...model.backend.readSync(value)]);
}

/** All gradients of the last step, one after the other. */
export function gradientsOf(model: Sequential): number[] {
  return model.parameters.flatMap(({ gradient }) => [...model.backend.readSync(gradient)]);
}
