/**
 * The networks that can be trained, and their optimizers.
 *
 * @module
 */

import {
  adam,
  averagePool2d,
  type BatchLike,
  cnn,
  conv2d,
  cosine,
  dense,
  ekfac,
  flatten,
  kfac,
  type LayerSpec,
  maxPool2d,
  mlp,
  type ModelObjective,
  type Optimizer,
  relu,
  sgd,
  soap,
  tekfac,
  tkfac,
} from "@tekfac/tekfac";
import { type Contestant, fixed, type Network, optimizerSettings } from "./settings.ts";

/** Layers of a network, from 28 x 28 pixels to 10 classes. */
export function layersOf(network: Network): LayerSpec[] {
  switch (network) {
    case "cnn":
      return cnn();
    case "mlp":
      return mlp();
    case "tiny":
      return [averagePool2d({ kernel: 4, stride: 3 }), ...mlp({ hidden: [64, 48] })];
    case "small":
      return [
        averagePool2d({ kernel: 2 }),
        ...[5, 3].flatMap((kernel) => [
          conv2d(6, { kernel, padding: (kernel - 1) / 2 }),
          relu(),
          maxPool2d({ kernel: 2 }),
        ]),
        flatten(),
        dense(10),
      ];
  }
}

/** The optimizer of a contestant, for a training of `steps` steps. The caller disposes it. */
export function optimizerOf(
  goal: ModelObjective,
  network: Network,
  contestant: Contestant,
  steps: number,
): Optimizer<BatchLike> {
  const settings = optimizerSettings(network, contestant);
  const shared = { annealing: cosine(steps), seed: fixed.seed };
  switch (contestant.optimizer) {
    case "tekfac":
      return tekfac(goal, { ...shared, ...settings.tekfac });
    case "ekfac":
      return ekfac(goal, { ...shared, ...settings.ekfac });
    case "tkfac":
      return tkfac(goal, { ...shared, ...settings.tkfac });
    case "kfac":
      return kfac(goal, { ...shared, ...settings.kfac });
    case "adam":
      return adam(goal, { ...shared, ...settings.adam });
    case "soap":
      return soap(goal, { ...shared, ...settings.soap });
    case "sgd":
      return sgd(goal, { ...shared, ...settings.sgd });
  }
}
