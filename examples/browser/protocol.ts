/**
 * What the page and its worker say to each other.
 *
 * @module
 */

import type { Settings } from "./settings.ts";

/** From the page to the worker; carried out one after the other. */
export type Command =
  /** Forget everything, and prepare a training with these settings. */
  | { readonly kind: "prepare"; readonly settings: Settings }
  /** Take steps until told otherwise. */
  | { readonly kind: "start" }
  /** Stop after the step that is being taken. */
  | { readonly kind: "pause" }
  /** Keep the training in the browser's private files. */
  | { readonly kind: "save" }
  /** Forget everything, and go on from what was kept. */
  | { readonly kind: "restore" }
  /** Say whether something is kept. */
  | { readonly kind: "look" }
  /** Say what a drawing shows, brightness of 28 x 28 pixels, and why. */
  | { readonly kind: "explain"; readonly pixels: Uint8Array };

/** From the worker to the page. */
export type Event =
  | { readonly kind: "prepared"; readonly training: TrainingFacts }
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "evaluated"; readonly step: number; readonly evaluations: Evaluation[] }
  | { readonly kind: "finished" }
  | { readonly kind: "saved"; readonly saved: SavedFacts }
  | { readonly kind: "found"; readonly saved: SavedFacts | undefined }
  | { readonly kind: "explained"; readonly explanation: Explanation }
  | { readonly kind: "failed"; readonly message: string };

/** A training that can be started or continued. */
export interface TrainingFacts {
  /** Its settings: those of the command, or those that were kept. */
  readonly settings: Settings;
  /** What computes, and why nothing faster does, in words. */
  readonly backend: string;
  /** Steps in all. */
  readonly steps: number;
  /** What happened so far, one for each contestant; empty before the first step. */
  readonly histories: readonly History[];
}

/** What a contestant has been through. Index i of the first two belongs to step i. */
export interface History {
  /** Mean loss of the step's images, before the step. */
  readonly losses: number[];
  /** Time spent on steps until the end of this one. */
  readonly seconds: number[];
  /** Accuracy on the images held back, from time to time. */
  readonly accuracies: Accuracy[];
}

/** One evaluation, as a point of a chart. */
export interface Accuracy {
  /** Steps taken before it. */
  readonly step: number;
  /** Time spent on them. */
  readonly seconds: number;
  /** Share of the images held back that were read rightly. */
  readonly accuracy: number;
}

/** New steps since the last message, one entry for each contestant. */
export type Progress = readonly { readonly losses: number[]; readonly seconds: number[] }[];

/** What an evaluation shows of a contestant. */
export interface Evaluation extends Accuracy {
  /** Number of images read wrongly. */
  readonly wrong: number;
  /** The first of them. */
  readonly mistakes: readonly Mistake[];
  /** Spectrum of each layer's curvature; none where the optimizer has no curvature. */
  readonly spectra: readonly Spectrum[];
}

/** An image that was read wrongly. */
export interface Mistake {
  /** Brightness of 28 x 28 pixels, 0 to 255, row by row. */
  readonly pixels: Uint8Array;
  /** The digit it shows. */
  readonly label: number;
  /** The digit it was taken for. */
  readonly guess: number;
}

/** What the first contestant makes of a drawing. */
export interface Explanation {
  /** The digit that it is taken for. */
  readonly guess: number;
  /** How sure that is, from 0 to 1. */
  readonly confidence: number;
  /** Digits that were learned and did most for this answer, the first most of all. */
  readonly taught: readonly Lesson[];
  /** Those that did most against it. */
  readonly spokeAgainst: readonly Lesson[];
}

/** A digit that was learned. */
export interface Lesson {
  /** Brightness of 28 x 28 pixels, 0 to 255, row by row. */
  readonly pixels: Uint8Array;
  /** The digit it shows. */
  readonly label: number;
}

/** Some eigenvalues of one layer's curvature. */
export interface Spectrum {
  /** Name of the layer. */
  readonly layer: string;
  /** Ranks, ascending from 1 for the largest eigenvalue. */
  readonly ranks: number[];
  /** The eigenvalues of these ranks. */
  readonly eigenvalues: number[];
}

/** What is known of a kept training without reading all of it. */
export interface SavedFacts {
  /** Steps it had taken. */
  readonly step: number;
  /** When it was kept, milliseconds since 1970. */
  readonly time: number;
}
