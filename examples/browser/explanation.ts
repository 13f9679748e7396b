/**
 * What a drawing is taken for, and which of the digits that were learned made it so.
 *
 * @module
 */

import { type Curvature, curvatureOf, influence } from "@tekfac/tekfac/analysis";
import { type BatchLike, type ImageDataset, inputSize, type ModelObjective } from "@tekfac/tekfac";
import { subset } from "@tekfac/tekfac/data";
import type { Explanation, Lesson } from "./protocol.ts";

/** Digits from which the curvature is fitted: it needs fewer than there are to be asked about. */
const FITTED = 1000;

/** Directions a side that the curvature keeps, so that it fits within a moment. */
const RANK = 32;

/** Digits that are shown on each side. */
const SHOWN = 8;

/** Explains drawings with a model as it is; fits its curvature once for every state of its weights. */
export class Explainer implements Disposable {
  readonly #goal: ModelObjective;
  readonly #train: ImageDataset;
  #fitted: { readonly curvature: Curvature<BatchLike>; readonly step: number } | undefined;

  /** Of a model, and what it learns from. */
  constructor(goal: ModelObjective, train: ImageDataset) {
    this.#goal = goal;
    this.#train = train;
  }

  /**
   * Reads a drawing, and asks for the training digits that speak most for the answer, and against it.
   *
   * @param pixels Brightness of 28 x 28 pixels, 0 to 255.
   * @param step Steps that the model has taken.
   */
  async explain(pixels: Uint8Array, step: number): Promise<Explanation> {
    const inputs = Float32Array.from(pixels, (brightness) => brightness / 255);
    const outputs = await this.#goal.predict(inputs);
    const guess = outputs.indexOf(Math.max(...outputs));
    const rest = outputs.reduce((sum, z) => sum + Math.exp(z - outputs[guess]), 0);
    const { helpful: [helpful], harmful: [harmful] } = await influence(
      await this.#curvature(step),
      {
        train: this.#train,
        queries: { inputs, targets: [guess] },
        top: SHOWN,
      },
    );
    const lesson = ({ example }: { readonly example: number }) => lessonOf(this.#train, example);
    return {
      guess,
      confidence: 1 / rest,
      taught: helpful.map(lesson),
      spokeAgainst: harmful.map(lesson),
    };
  }

  [Symbol.dispose](): void {
    this.#fitted?.curvature[Symbol.dispose]();
    this.#fitted = undefined;
  }

  async #curvature(step: number): Promise<Curvature<BatchLike>> {
    if (this.#fitted?.step === step) return this.#fitted.curvature;
    this[Symbol.dispose]();
    const some = subset(this.#train, Array.from({ length: FITTED }, (_, i) => i));
    const curvature = await curvatureOf(this.#goal, some, { rank: RANK });
    this.#fitted = { curvature, step };
    return curvature;
  }
}

function lessonOf(train: ImageDataset, index: number): Lesson {
  const size = inputSize(train);
  const image = train.images.subarray(index * size, (index + 1) * size);
  return {
    pixels: Uint8Array.from(image, (brightness) => 255 * brightness),
    label: train.labels[index],
  };
}
