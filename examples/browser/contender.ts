/**
 * One model with its optimizer, and what it has been through.
 *
 * @module
 */

import {
  type Backend,
  type BatchLike,
  type DatasetSplit,
  examplesIn,
  type ImageDataset,
  inputSize,
  type LayerSpectrum,
  loadState,
  type ModelObjective,
  objective,
  type Optimizer,
  saveState,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
} from "@tekfac/tekfac";
import type { Evaluation, Explanation, History, Mistake, Progress, Spectrum } from "./protocol.ts";
import { Explainer } from "./explanation.ts";
import { layersOf, optimizerOf } from "./networks.ts";
import { type Contestant, fixed, type Network } from "./settings.ts";

/** Most misread images that are shown. */
const MOST_MISTAKES = 24;

/** Most eigenvalues of a layer that are drawn. */
const MOST_RANKS = 80;

/** Eigenvalues below this share of the largest are roundoff. */
const SMALLEST_SHARE = 1e-7;

/** Takes steps and is judged. The caller disposes it. */
export class Contender {
  /** What happened so far. */
  readonly history: History = { losses: [], seconds: [], accuracies: [] };
  readonly #model: Sequential;
  readonly #objective: ModelObjective;
  readonly #optimizer: Optimizer<BatchLike>;
  readonly #test: ImageDataset;
  readonly #explainer: Explainer;

  /** Makes the model; equal for every contestant. */
  constructor(
    backend: Backend,
    { train, test }: DatasetSplit<ImageDataset>,
    contestant: Contestant,
    { network, steps }: { readonly network: Network; readonly steps: number },
  ) {
    this.#test = test;
    const layers = layersOf(network);
    this.#model = sequential(backend, { input: train.shape, layers, seed: fixed.seed });
    this.#objective = objective(this.#model, softmaxCrossEntropy());
    this.#optimizer = optimizerOf(this.#objective, network, contestant, steps);
    this.#explainer = new Explainer(this.#objective, train);
  }

  /** Steps taken. */
  get step(): number {
    return this.#optimizer.stepCount;
  }

  /** Takes one step per batch, and returns what to add to the charts. */
  async advance(batches: readonly BatchLike[]): Promise<Progress[number]> {
    const { history } = this;
    const before = history.seconds.at(-1) ?? 0;
    const started = performance.now();
    const steps = batches.map((batch) => this.#optimizer.step(batch));
    const losses = [];
    for (const step of steps) losses.push((await step.report()).loss);
    const each = (performance.now() - started) / 1000 / losses.length;
    const seconds = losses.map((_, i) => before + (i + 1) * each);
    history.losses.push(...losses);
    history.seconds.push(...seconds);
    return { losses, seconds };
  }

  /** Reads the images held back. */
  async evaluate(): Promise<Evaluation> {
    const outputs = await this.#objective.predict(this.#test.images);
    const guesses = classesOf(outputs, this.#test.classes);
    const wrong = guesses.flatMap((guess, i) => guess === this.#test.labels[i] ? [] : [i]);
    const point = {
      step: this.step,
      seconds: this.history.seconds.at(-1) ?? 0,
      accuracy: 1 - wrong.length / examplesIn(this.#test),
    };
    // A training that has just been restored is judged once more, to show what it reads wrongly.
    const last = this.history.accuracies.at(-1);
    if (last?.step !== point.step) this.history.accuracies.push(point);
    return {
      ...point,
      wrong: wrong.length,
      mistakes: wrong.slice(0, MOST_MISTAKES).map((i) => mistakeOf(this.#test, i, guesses[i])),
      spectra: (await this.#optimizer.spectra()).map(thinned),
    };
  }

  /** Reads a drawing, and says which digits taught it that. */
  explain(pixels: Uint8Array): Promise<Explanation> {
    return this.#explainer.explain(pixels, this.step);
  }

  /** Everything as one safetensors file, with the history among its notes. */
  save(notes: Readonly<Record<string, string>>): Promise<Uint8Array> {
    return saveState(this.#optimizer, { ...notes, history: JSON.stringify(this.history) });
  }

  /** Takes over what {@linkcode Contender.save} has kept. */
  load(file: Uint8Array): void {
    const { extra } = loadState(this.#optimizer, file);
    Object.assign(this.history, JSON.parse(extra.history));
  }

  /** Gives everything back. */
  [Symbol.dispose](): void {
    this.#explainer[Symbol.dispose]();
    this.#optimizer[Symbol.dispose]();
    this.#model[Symbol.dispose]();
  }
}

/** Place of the largest of each row of outputs. */
function classesOf(outputs: Float64Array, classes: number): number[] {
  return Array.from({ length: outputs.length / classes }, (_, i) => {
    const row = outputs.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(Math.max(...row));
  });
}

function mistakeOf(test: ImageDataset, index: number, guess: number): Mistake {
  const size = inputSize(test);
  const image = test.images.subarray(index * size, (index + 1) * size);
  return {
    pixels: Uint8Array.from(image, (brightness) => 255 * brightness),
    label: test.labels[index],
    guess,
  };
}

/** Eigenvalues that matter, at ranks that are evenly spread on a logarithmic axis. */
function thinned({ name, eigenvalues }: LayerSpectrum): Spectrum {
  const least = eigenvalues[0] * SMALLEST_SHARE;
  const count = Math.max(1, eigenvalues.filter((value) => value >= least).length);
  const spread = Array.from(
    { length: MOST_RANKS },
    (_, i) => Math.round(count ** (i / (MOST_RANKS - 1))),
  );
  const ranks = [...new Set(spread)];
  return { layer: name, ranks, eigenvalues: ranks.map((rank) => eigenvalues[rank - 1]) };
}
