/**
 * A plain network on plain examples: what most rows come down to.
 *
 * @module
 */

import {
  type Backend,
  type BatchLike,
  dense,
  type LayerSpec,
  type Loss,
  objective,
  relu,
  type Sequential,
  sequential,
  tanh,
} from "@tekfac/tekfac";
import {
  heNormal,
  type Initializer,
  lecunNormal,
  readWeightsSync,
  writeWeights,
} from "@tekfac/tekfac/nn";
import { type Contender, create } from "./contenders.ts";
import { countOf, type Examples, shuffled, stepsPerEpoch } from "./examples.ts";
import type { Lab } from "./lab.ts";
import { BATCH_WINDOW, type Trace, train, type Training } from "./training.ts";

/** A problem, complete but for the optimizer. */
export interface Fit extends Pick<Training<BatchLike>, "epochs" | "floor" | "unit" | "strange"> {
  /** The network. */
  readonly layers: readonly LayerSpec[];
  /** The loss. */
  readonly loss: Loss;
  /** What is learned from. */
  readonly train: Examples;
  /** Examples of a step. */
  readonly batch: number;
  /** Whether steps shrink along a cosine over the whole run. @default {true} */
  readonly anneal?: boolean;
  /** Seed of weights and order. */
  readonly seed: number;
  /** Called once before the first step, to change weights. */
  readonly prepare?: (model: Sequential, backend: Backend) => void;
  /** Replaces a batch, for problems with something odd in them; counts steps from 0. */
  readonly replace?: (batch: BatchLike, step: number) => BatchLike;
  /** Called after each epoch with a function that gives the mean loss of examples. */
  readonly afterEpoch?: (evaluate: (examples: Examples) => number) => void;
}

/** Trains a network with a contender. */
export function fit(lab: Lab, contender: Contender, problem: Fit): Trace {
  const { train: examples, batch, epochs, seed, anneal = true, replace, afterEpoch } = problem;
  using model = sequential(lab.backend, {
    input: [examples.features],
    layers: [...problem.layers],
    seed,
  });
  problem.prepare?.(model, lab.backend);
  const goal = objective(model, problem.loss);
  const perEpoch = stepsPerEpoch(examples, batch);
  using optimizer = create(goal, contender, anneal ? epochs * perEpoch : undefined);
  const evaluate = (held: Examples): number => goal.evaluateSync(held).loss;
  function* batches(epoch: number): Generator<BatchLike> {
    for (const next of shuffled(examples, batch, seed, epoch)) {
      yield replace === undefined ? next : replace(next, optimizer.stepCount);
    }
  }
  return train<BatchLike>({
    ...problem,
    optimizer,
    batches,
    evaluate: () => evaluate(examples),
    window: batch >= countOf(examples) ? 1 : Math.min(BATCH_WINDOW, perEpoch),
    afterEpoch: () => afterEpoch?.(evaluate),
  });
}

/** Initializers of hidden layers, by the names that rows have. */
export const INITS = { lecun: lecunNormal, he: heNormal } as const;

/** Nonlinearities, likewise. */
export const ACTIVATIONS = { relu, tanh } as const;

/** Layers of a plain network. The head starts at LeCun's scale, since nothing follows it. */
export function plainLayers(
  hidden: readonly number[],
  outputs: number,
  activation: keyof typeof ACTIVATIONS,
  init: keyof typeof INITS,
  head: Initializer = lecunNormal,
): LayerSpec[] {
  return [
    ...hidden.flatMap((units) => [dense(units, { init: INITS[init] }), ACTIVATIONS[activation]()]),
    dense(outputs, { init: head }),
  ];
}

/** Multiplies the last layer's weights. */
export function scaleHead(by: number): NonNullable<Fit["prepare"]> {
  return (model, backend) => {
    const head = model.parameters.at(-1)!;
    const weights = readWeightsSync(backend, head);
    writeWeights(backend, head, Array.from(weights, (weight) => weight * by));
  };
}
