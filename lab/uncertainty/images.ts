/**
 * How sure a classifier of images is: plainly, with a temperature, and with Laplace's approximation.
 *
 * @module
 */

import { curvatureOf, laplace, type LaplaceOptions } from "@tekfac/tekfac/analysis";
import type { Backend } from "@tekfac/tekfac/backend";
import { cosine } from "@tekfac/tekfac/core";
import { batches, examplesIn, type ImageDataset } from "@tekfac/tekfac/data";
import { type LayerSpec, objective, sequential, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";
import { fit } from "@tekfac/tekfac/training";
import {
  accuracyOf,
  areaUnderCurve,
  bestTemperature,
  calibrationError,
  confidences,
  negativeLogLikelihood,
  tempered,
} from "./calibration.ts";

/** What is studied. */
export interface ImageStudy {
  readonly train: ImageDataset;
  /** Held back: chooses temperatures and precisions. */
  readonly validation: ImageDataset;
  readonly test: ImageDataset;
  /** Images of another kind, of the same shape, by name. */
  readonly outside: Readonly<Record<string, ImageDataset>>;
  readonly layers: LayerSpec[];
  readonly epochs: number;
  readonly seed: number;
}

/** One way to make probabilities. */
export interface Verdict {
  readonly way: string;
  readonly accuracy: number;
  readonly loss: number;
  readonly calibrationError: number;
  /** Area under the curve of test images against those of another kind, by confidence. */
  readonly areas: Readonly<Record<string, number>>;
}

/** All inputs and targets of a data set, as batches give them. */
function whole(data: ImageDataset): { inputs: Float32Array; targets: ArrayLike<number> } {
  const [{ inputs, targets }] = batches(data, { size: examplesIn(data) });
  return { inputs, targets };
}

/** The study, with one seed. */
export async function studyImages(backend: Backend, study: ImageStudy): Promise<Verdict[]> {
  const { train, layers, epochs, seed } = study;
  using model = sequential(backend, { input: train.shape, layers, seed });
  const loss = softmaxCrossEntropy();
  await fit(model, loss, { train, test: study.validation }, {
    optimizer: tekfac,
    ...{ annealing: cosine, epochs, batchSize: 128, seed },
    observer: { onNote: () => {} },
  });
  const goal = objective(model, loss);
  const [validation, test] = [whole(study.validation), whole(study.test)];
  const outside = Object.entries(study.outside).map(([name, data]) => [name, whole(data)] as const);
  const k = train.classes;
  const judge = async (
    way: string,
    probabilitiesOf: (inputs: Float32Array) => Promise<Float64Array>,
  ): Promise<Verdict> => {
    const probabilities = await probabilitiesOf(test.inputs);
    const judged = { probabilities, labels: test.targets };
    const own = confidences(probabilities, k);
    const areas: Record<string, number> = {};
    for (const [name, { inputs }] of outside) {
      areas[name] = areaUnderCurve(own, confidences(await probabilitiesOf(inputs), k));
    }
    return {
      way,
      accuracy: accuracyOf(judged),
      loss: negativeLogLikelihood(judged),
      calibrationError: calibrationError(judged),
      areas,
    };
  };
  const temperature = bestTemperature(await goal.predict(validation.inputs), validation.targets);
  const verdicts = [
    await judge("plain", async (inputs) => tempered(await goal.predict(inputs), k, 1)),
    await judge(
      "temperature",
      async (inputs) => tempered(await goal.predict(inputs), k, temperature),
    ),
  ];
  using curvature = await curvatureOf(goal, train);
  const held = { kind: "validation", data: validation } as const;
  const ways: readonly (readonly [string, LaplaceOptions])[] = [
    ["last layer, marginal likelihood", { layers: "last" }],
    ["last layer, validation", { layers: "last", priorPrecision: held }],
    ["all layers, marginal likelihood", {}],
    ["all layers, validation", { priorPrecision: held }],
  ];
  for (const [way, options] of ways) {
    const posterior = await laplace(curvature, options);
    verdicts.push(
      await judge(way, async (inputs) => (await posterior.predict(inputs)).probabilities!),
    );
  }
  return verdicts;
}
