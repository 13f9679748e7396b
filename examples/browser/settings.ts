/**
 * What a visitor can choose, and what it means to the library.
 *
 * @module
 */

import type { OptimizerName, OptimizerSettings } from "@tekfac/tekfac";
import { optimizerNames, recipes } from "@tekfac/tekfac/training";

/** A network by name; `networks.ts` has their layers. */
export type Network = "cnn" | "small" | "mlp" | "tiny";

/** Where the visitor wants the numbers to be computed. */
export type BackendChoice = "auto" | "webgpu" | "threads" | "single";

/** One optimizer and its most important number. */
export interface Contestant {
  /** Which optimizer. */
  readonly optimizer: OptimizerName;
  /** Damping as a share of the mean eigenvalue; used by the Kronecker-factored optimizers. */
  readonly damping: number;
  /** Learning rate; used by the others. */
  readonly learningRate: number;
}

/** Everything that decides a training. Equal settings give equal trainings on equal backends. */
export interface Settings {
  /** Which network. */
  readonly network: Network;
  /** Where it is computed. */
  readonly backend: BackendChoice;
  /** Passes over the training images. */
  readonly epochs: number;
  /** One optimizer, or two side by side. */
  readonly contestants: readonly Contestant[];
}

/** Numbers that the page does not ask for. */
export const fixed = { train: 4000, test: 1000, batch: 100, seed: 1 } as const;

/** Steps of one pass over the training images. */
export const stepsPerEpoch: number = fixed.train / fixed.batch;

/** Whether an optimizer approximates the curvature, and so has a damping and spectra. */
export function hasCurvature(optimizer: OptimizerName): boolean {
  return ["tekfac", "ekfac", "tkfac", "kfac"].includes(optimizer);
}

/** The library's recipe for such a network. */
function recipeOf(network: Network): OptimizerSettings {
  const model = network === "mlp" || network === "tiny" ? "mlp" : "cnn";
  return recipes[model].settings;
}

/** What the library's recipe sets an optimizer to. */
export function presetOf(network: Network, optimizer: OptimizerName): Contestant {
  const settings = recipeOf(network);
  const { damping } = settings.tekfac;
  const tau = typeof damping === "object" && damping.kind === "relative" ? damping.tau : 1;
  const { learningRate = 0 } = settings[optimizer];
  return {
    optimizer,
    damping: typeof tau === "number" ? tau : 1,
    learningRate: typeof learningRate === "number" ? learningRate : 0,
  };
}

/** The recipe of a network with a contestant's own number in it. */
export function optimizerSettings(
  network: Network,
  { damping, learningRate }: Contestant,
): OptimizerSettings {
  const settings = recipeOf(network);
  const damped = { damping: { kind: "relative", tau: damping } } as const;
  return {
    ...settings,
    tekfac: { ...settings.tekfac, ...damped },
    ekfac: { ...settings.ekfac, ...damped },
    tkfac: { ...settings.tkfac, ...damped },
    kfac: { ...settings.kfac, ...damped },
    adam: { ...settings.adam, learningRate },
    soap: { ...settings.soap, learningRate },
    sgd: { ...settings.sgd, learningRate },
  };
}

/** Name of an optimizer as it is written in texts. */
export function titleOf(optimizer: OptimizerName): string {
  return optimizer === "adam" ? "Adam" : optimizer.toUpperCase();
}

export { type OptimizerName, optimizerNames };
