/**
 * A model with uncertain weights, ready to predict.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";
import type { Random } from "../core/random.ts";
import { type BatchLike, inputChunks, joined } from "../nn/batch.ts";
import { batchShape, sizeOf } from "../nn/example_shape.ts";
import type { ModelObjective } from "../nn/model_objective.ts";
import {
  type EvidenceFacts,
  type Hyperparameters,
  likelihoodScale,
  logEvidence,
  type PriorGroup,
} from "./evidence.ts";
import { type ExampleSource, streamOf } from "./example_source.ts";
import type { LayerCurvature } from "./layer_curvature.ts";
import { type LayerCovariance, outputVariances } from "./output_variances.ts";
import { type PredictiveKind, probabilitiesOf } from "./predictive.ts";

/** A prediction that says how sure it is. N examples, K outputs. */
export interface UncertainPrediction {
  /** The model's outputs, [N, K] row by row. */
  readonly outputs: Float64Array;
  /** How much the weights' uncertainty makes each output vary, [N, K]. */
  readonly variances: Float64Array;
  /** Probabilities [N, K], where outputs are of classes. */
  readonly probabilities?: Float64Array;
  /** Standard deviations of targets, noise included, [N, K], where they are numbers. */
  readonly deviations?: Float64Array;
}

/** What a posterior is made of. */
export interface PosteriorParts {
  /** Layers whose weights are uncertain. */
  readonly layers: readonly LayerCurvature[];
  /** What is known of the training examples. */
  readonly facts: EvidenceFacts;
  /** Those of the layers, or one for all. */
  readonly groups: readonly PriorGroup[];
  /** Of the groups. */
  readonly hyperparameters: Hyperparameters;
  /** Examples at a time. */
  readonly microBatch: number;
}

/**
 * The result of `laplace`. Uses the curvature's blocks and the model, and owns nothing.
 *
 * @example Evidence chooses between two models
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { curvatureOf, laplace, LaplacePosterior } from "@tekfac/tekfac/analysis";
 *
 * using backend = await createBackend();
 * const data = { inputs: [-2, -1, 0, 1, 2], targets: [-2.1, -0.9, 0.1, 1, 1.9] };
 * const evidence = async (weights: number[]) => {
 *   using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 *   backend.write(model.parameters[0].value, weights);
 *   using curvature = await curvatureOf(objective(model, squaredError()), data);
 *   const posterior: LaplacePosterior = await laplace(curvature, { noise: 0.2 });
 *   return posterior.logMarginalLikelihood;
 * };
 * assert(await evidence([1, 0]) > await evidence([0.5, 0]));
 * ```
 */
export class LaplacePosterior {
  /** Precision of the prior of each layer, by name, > 0. */
  readonly priorPrecision: Readonly<Record<string, number>>;
  /** Standard deviation of the noise in targets; `undefined` for classes. */
  readonly noise: number | undefined;
  /** Logarithm of the marginal likelihood of the training examples (for classes, as if the model's own minimum). */
  readonly logMarginalLikelihood: number;
  readonly #goal: ModelObjective;
  readonly #covariances: readonly LayerCovariance[];
  readonly #microBatch: number;

  /** See `laplace`. */
  constructor(goal: ModelObjective, parts: PosteriorParts) {
    const { layers, facts, groups, hyperparameters, microBatch } = parts;
    const { precisions, noiseVariance } = hyperparameters;
    const of = (l: number): number => precisions[groups.length === 1 ? 0 : l];
    const precision = facts.examples * likelihoodScale(facts, noiseVariance);
    this.#goal = goal;
    this.#microBatch = microBatch;
    this.#covariances = layers.map((layer, l) => ({
      layer,
      damping: of(l) / precision,
      precision,
    }));
    this.priorPrecision = Object.fromEntries(layers.map(({ name }, l) => [name, of(l)]));
    this.noise = facts.numbers === undefined ? undefined : Math.sqrt(noiseVariance);
    this.logMarginalLikelihood = logEvidence(facts, groups, hyperparameters);
  }

  /**
   * Predictions with their uncertainty. Outputs are taken as independent of each other.
   *
   * @param inputs [N, features] or [N, height, width, channels] row by row.
   * @param how How probabilities are made. @default {{ kind: "probit" }}
   * @throws {ShapeError | DataError} When the inputs do not fit the model.
   */
  async predict(
    inputs: ArrayLike<number>,
    how: PredictiveKind = { kind: "probit" },
  ): Promise<UncertainPrediction> {
    const { model, backend, loss } = this.#goal;
    const features = sizeOf(model.input);
    const chunks = inputChunks(inputs, features, { microBatch: this.#microBatch });
    const read: { outputs: ArrayLike<number>; variances: ArrayLike<number> }[] = [];
    for (const chunk of chunks) {
      const [outputs, variances] = await backend.reading(() =>
        backend.scope(() => {
          const examples = chunk.inputs.length / features;
          const x = backend.scratch(...batchShape(model.input, examples));
          backend.write(x, chunk.inputs);
          const found = outputVariances(this.#goal, x, examples, this.#covariances);
          return Promise.all([backend.read(found.outputs), backend.read(found.variances)]);
        })
      );
      read.push({ outputs, variances });
    }
    const outputs = joined(read.map(({ outputs }) => outputs));
    const variances = joined(read.map(({ variances }) => variances));
    const { noise } = this;
    if (noise !== undefined) {
      return { outputs, variances, deviations: variances.map((v) => Math.sqrt(v + noise ** 2)) };
    }
    const exclusive = loss.kind === "softmaxCrossEntropy";
    const classes = model.output[0];
    const probabilities = probabilitiesOf(outputs, variances, classes, exclusive, how);
    return { outputs, variances, probabilities };
  }

  /**
   * Mean of minus the logarithm of the probability (density) of examples' targets, with the weights' uncertainty.
   *
   * @param data Examples with their targets.
   * @param how How probabilities are made. @default {{ kind: "probit" }}
   * @throws {ShapeError | DataError} When the examples do not fit the model.
   */
  async negativeLogLikelihood(
    data: ExampleSource<BatchLike>,
    how?: PredictiveKind,
  ): Promise<number> {
    let [sum, count] = [0, 0];
    for (const { batch, examples } of streamOf(this.#goal, data, this.#microBatch)) {
      sum += surpriseOf(await this.predict(batch.inputs, how), batch.targets, examples);
      count += examples;
    }
    return sum / count;
  }

  /**
   * Draws deviations of the weights from what was trained, one matrix per uncertain layer. Inside a scope.
   *
   * @param outs One per layer, in the curvature's order, shaped like its weights.
   */
  sample(outs: readonly Matrix[], random: Random): void {
    this.#covariances.forEach(({ layer, damping, precision }, l) => {
      layer.sample(outs[l], random, { kind: "absolute", lambda: damping });
      this.#goal.backend.axpby(outs[l], precision ** -0.5, outs[l], 0);
    });
  }
}

/** Sum of minus the logarithms over examples. */
function surpriseOf(
  { outputs, probabilities, deviations }: UncertainPrediction,
  targets: ArrayLike<number>,
  examples: number,
): number {
  const k = outputs.length / examples;
  let sum = 0;
  if (deviations !== undefined) {
    deviations.forEach((deviation, i) => {
      const z = (targets[i] - outputs[i]) / deviation;
      sum += (z * z + Math.log(2 * Math.PI)) / 2 + Math.log(deviation);
    });
  } else if (targets.length === examples && k > 1) {
    for (let n = 0; n < examples; n++) sum -= logOf(probabilities![n * k + targets[n]]);
  } else {
    probabilities!.forEach((p, i) =>
      sum -= targets[i] * logOf(p) + (1 - targets[i]) * logOf(1 - p)
    );
  }
  return sum;
}

/** A probability that rounding has made 0 is told apart from an impossible one. */
function logOf(probability: number): number {
  return Math.log(Math.max(probability, 1e-300));
}
