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
import {
  type LayerCovariance,
  outputCovariances,
  type OutputMoments,
  outputVariances,
} from "./output_variances.ts";
import {
  drawingOf,
  drawnSoftmaxes,
  type PredictiveKind,
  sigmoids,
  softmaxes,
} from "./predictive.ts";
import { widthOf } from "./whitening.ts";

/** Numbers that whitened gradients of all outputs may take as scratch. */
const SCRATCH = 2 ** 23;

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
   * Predictions with their uncertainty.
   *
   * Probabilities in closed form take a backward pass per output, and none where only the last layer is uncertain.
   * Drawn ones of classes that exclude each other take covariances of all pairs of outputs as well.
   *
   * @param inputs [N, features] or [N, height, width, channels] row by row.
   * @param how How probabilities are made. @default {{ kind: "probit" }}
   * @throws {ShapeError | DataError} When the inputs do not fit the model.
   */
  async predict(
    inputs: ArrayLike<number>,
    how: PredictiveKind = { kind: "probit" },
  ): Promise<UncertainPrediction> {
    const { model, loss } = this.#goal;
    const covariances = this.#covariances;
    const classes = model.output[0];
    const exclusive = loss.kind === "softmaxCrossEntropy";
    if (how.kind === "monteCarlo" && exclusive) {
      const width = covariances.reduce((sum, { layer }) => sum + widthOf(layer.block), 0);
      const most = Math.max(1, Math.floor(SCRATCH / (width * classes)));
      const size = Math.min(this.#microBatch, most);
      const { outputs, moments } = await this.#stream(
        inputs,
        size,
        (x, examples) => outputCovariances(this.#goal, x, examples, covariances),
      );
      const variances = columnsOf(moments, outputs.length / classes, (column) => {
        return Array.from({ length: classes }, (_, k) => column[k * (k + 3) / 2]);
      });
      const probabilities = drawnSoftmaxes(outputs, moments, classes, drawingOf(how));
      return { outputs, variances, probabilities };
    }
    const { outputs, moments } = await this.#stream(
      inputs,
      this.#microBatch,
      (x, examples) => outputVariances(this.#goal, x, examples, { covariances, sum: exclusive }),
    );
    const examples = outputs.length / classes;
    const variances = columnsOf(moments, examples, (column) => column.subarray(0, classes));
    const { noise } = this;
    if (noise !== undefined) {
      return { outputs, variances, deviations: variances.map((v) => Math.sqrt(v + noise ** 2)) };
    }
    const probabilities = exclusive
      ? softmaxes(outputs, variances, columnsOf(moments, examples, (column) => column.subarray(-1)))
      : sigmoids(outputs, variances, how.kind === "probit" ? undefined : drawingOf(how));
    return { outputs, variances, probabilities };
  }

  /** Outputs [N, K] and moments [N, R], by the host's order. */
  async #stream(
    inputs: ArrayLike<number>,
    microBatch: number,
    momentsOf: (x: Matrix, examples: number) => OutputMoments,
  ): Promise<{ readonly outputs: Float64Array; readonly moments: Float64Array }> {
    const { model, backend } = this.#goal;
    const features = sizeOf(model.input);
    const read: { outputs: ArrayLike<number>; moments: Float64Array }[] = [];
    for (const chunk of inputChunks(inputs, features, { microBatch })) {
      const examples = chunk.inputs.length / features;
      const [outputs, moments] = await backend.reading(() =>
        backend.scope(() => {
          const x = backend.scratch(...batchShape(model.input, examples));
          backend.write(x, chunk.inputs);
          const found = momentsOf(x, examples);
          return Promise.all([backend.read(found.outputs), backend.read(found.moments)]);
        })
      );
      read.push({ outputs, moments: transposed(moments, examples) });
    }
    return {
      outputs: joined(read.map(({ outputs }) => outputs)),
      moments: joined(read.map(({ moments }) => moments)),
    };
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

/** [R, N] as [N, R]. */
function transposed(values: ArrayLike<number>, examples: number): Float64Array {
  const rows = values.length / examples;
  return Float64Array.from(values, (_, i) => values[i % rows * examples + Math.floor(i / rows)]);
}

/** Some of the numbers of each of N rows. */
function columnsOf(
  values: Float64Array,
  examples: number,
  some: (row: Float64Array) => ArrayLike<number>,
): Float64Array {
  const size = values.length / examples;
  return joined(
    Array.from({ length: examples }, (_, n) => some(values.subarray(n * size, (n + 1) * size))),
  );
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
