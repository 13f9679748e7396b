/**
 * What a trained classifier of images can say of itself.
 *
 * @module
 */

import { curvatureOf, influence, laplace, selfInfluence } from "../analysis/mod.ts";
import { batches } from "../data/batches.ts";
import { type DatasetSplit, examplesIn, type ImageDataset } from "../data/dataset.ts";
import { subset } from "../data/split.ts";
import type { ModelObjective } from "../nn/model_objective.ts";

/** An image and a number. */
interface Scored {
  readonly example: number;
  readonly score: number;
}

/** What the model says of a test image. */
export interface Said {
  /** Number of the image. */
  readonly image: number;
  /** The class that is most probable, and how probable. */
  readonly predicted: number;
  readonly confidence: number;
}

/** One way to be sure, by bins of confidence. */
export interface Reliability {
  /** Name of the way. */
  readonly name: string;
  /** Mean of minus the logarithms of the labels' probabilities. */
  readonly loss: number;
  /** Bins that hold images. */
  readonly bins: readonly { readonly confidence: number; readonly accuracy: number }[];
}

/** All of it. */
export interface Findings {
  /** Test images with the training images that helped and harmed most. */
  readonly taught: readonly (Said & {
    readonly helpful: readonly Scored[];
    readonly harmful: readonly Scored[];
  })[];
  /** Training images with much to say for themselves, whose label the model would not give. */
  readonly suspects: readonly (Said & { readonly score: number })[];
  /** Test images of which the model is least sure. */
  readonly uncertain: readonly Said[];
  /** Whether confidence keeps its word. */
  readonly reliability: readonly Reliability[];
  /** Eigenvalues of each layer, the largest first. */
  readonly spectra: readonly { readonly name: string; readonly eigenvalues: Float64Array }[];
}

/** Test images that are explained where none are named. */
const CHOSEN = 6;

/** Training images that are shown for each of them, and of each kind. */
const TOP = 8;

/** Images that are shown of those that stand out. */
const SHOWN = 16;

const BINS = 10;

/**
 * Looks into a model.
 *
 * @param images Test images that are explained. @default {those with the largest losses}
 * @param onProgress Is told what is being done, and which share of it has been.
 */
export async function findingsOf(
  goal: ModelObjective,
  { train, test }: DatasetSplit<ImageDataset>,
  images: readonly number[] | undefined,
  onProgress: (what: string, share: number) => void,
): Promise<Findings> {
  const telling = (what: string) => ({
    onProgress: ({ done, total }: { done: number; total: number }) =>
      onProgress(what, done / total),
  });
  const curvature = await curvatureOf(goal, train, telling("curvature"));
  try {
    const posterior = await laplace(curvature, { layers: "last" });
    const { targets: labels } = test;
    const { inputs } = wholeOf(test);
    const { outputs, probabilities } = await posterior.predict(inputs);
    const k = train.classes;
    const plain = softmax(outputs, k);
    const losses = Array.from(
      labels,
      (label, n) => -Math.log(Math.max(plain[n * k + label], 1e-30)),
    );
    const chosen = images ?? byNumber(losses).slice(0, CHOSEN);
    const { helpful, harmful } = await influence(curvature, {
      ...telling("influence"),
      train,
      queries: subset(test, chosen),
      top: TOP,
    });
    const own = await selfInfluence(curvature, { train, ...telling("self-influence") });
    const shown = byNumber(own);
    const said = saidOf(softmax(await goal.predict(wholeOf(train).inputs), k), k);
    const sure = saidOf(probabilities!, k);
    return {
      taught: chosen.map((image, q) => ({
        ...saidOf(plain, k)[image],
        helpful: helpful[q],
        harmful: harmful[q],
      })),
      suspects: shown.filter((i) => said[i].predicted !== train.labels[i]).slice(0, SHOWN)
        .map((image) => ({ ...said[image], score: own[image] })),
      uncertain: byNumber(sure.map(({ confidence }) => -confidence)).slice(0, SHOWN)
        .map((image) => sure[image]),
      reliability: [
        reliabilityOf("plain", plain, labels, k),
        reliabilityOf("Laplace, last layer", probabilities!, labels, k),
      ],
      spectra: curvature.layers.map(({ name, eigenvalues }) => ({
        name,
        eigenvalues: eigenvalues.slice().sort().reverse(),
      })),
    };
  } finally {
    curvature[Symbol.dispose]();
  }
}

function wholeOf(data: ImageDataset): { readonly inputs: Float32Array } {
  const [batch] = batches(data, { size: examplesIn(data) });
  return batch;
}

/** Places of numbers, those of the largest first. */
function byNumber(values: ArrayLike<number>): number[] {
  return Array.from(values, (_, i) => i).sort((i, j) => values[j] - values[i]);
}

function softmax(outputs: Float64Array, k: number): Float64Array {
  const out = outputs.slice();
  for (let from = 0; from < out.length; from += k) {
    const row = out.subarray(from, from + k);
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = row.reduce((total, z) => total + Math.exp(z - most), 0);
    row.forEach((z, c) => row[c] = Math.exp(z - most) / sum);
  }
  return out;
}

function saidOf(probabilities: Float64Array, k: number): Said[] {
  return Array.from({ length: probabilities.length / k }, (_, image) => {
    const row = probabilities.subarray(image * k, (image + 1) * k);
    const confidence = row.reduce((a, b) => Math.max(a, b), 0);
    return { image, predicted: row.indexOf(confidence), confidence };
  });
}

function reliabilityOf(
  name: string,
  probabilities: Float64Array,
  labels: ArrayLike<number>,
  k: number,
): Reliability {
  const bins = Array.from({ length: BINS }, () => ({ count: 0, confidence: 0, right: 0 }));
  let loss = 0;
  saidOf(probabilities, k).forEach(({ predicted, confidence }, n) => {
    const bin = bins[Math.min(BINS - 1, Math.floor(BINS * confidence))];
    bin.count++;
    bin.confidence += confidence;
    if (predicted === labels[n]) bin.right++;
    loss -= Math.log(Math.max(probabilities[n * k + labels[n]], 1e-30)) / labels.length;
  });
  return {
    name,
    loss,
    bins: bins.filter(({ count }) => count > 0).map(({ count, confidence, right }) => ({
      confidence: confidence / count,
      accuracy: right / count,
    })),
  };
}
