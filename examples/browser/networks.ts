/**
 * The networks that can be trained, and their optimizers.
 *
 * @module
 */

import {
  averagePool2d,
  type BatchLike,
  cnn,
  conv2d,
  cosine,
  dense,
  flatten,
  type LayerSpec,
  maxPool2d,
  mlp,
  type ModelObjective,
  type Optimizer,
  type OptimizerName,
  optimizers,
  type OptimizerSettings,
  relu,
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
  return create(goal, contestant.optimizer, optimizerSettings(network, contestant), steps);
}

/** Generic in the name, so that an optimizer and its options are known to belong together. */
function create<Name extends OptimizerName>(
  goal: ModelObjective,
  name: Name,
  settings: OptimizerSettings,
  steps: number,
): Optimizer<BatchLike> {
  return optimizers[name](goal, {
    annealing: cosine(steps),
    seed: fixed.seed,
    ...settings[name],
  });
}
