/**
 * A loss that becomes negative, from a model outside the library.
 *
 * @module
 */

import { type ExternalBatch, externalModel } from "@tekfac/tekfac";
import { Random } from "@tekfac/tekfac/core";
import { ADAMS, create } from "../contenders.ts";
import { type Examples, shuffled, stepsPerEpoch } from "../examples.ts";
import { GaussianNetwork } from "../gaussian_network.ts";
import { waveRegression } from "../problems.ts";
import type { Runs, ZooRow } from "../row.ts";
import { train } from "../training.ts";
import {
  type Finding,
  improves,
  judgeBy,
  nearBest,
  short,
  staysNear,
  survives,
  tracesOf,
} from "../verdict.ts";

const [BATCH, EPOCHS] = [32, 40];

/** The waves in small units, with noise that depends on the inputs. */
function unevenNoise(seed: number): Examples {
  const { train } = waveRegression(seed, 0);
  const random = new Random(seed + 5);
  const targets = Float32Array.from(train.targets, (y, n) => {
    const deviation = 0.3 * Math.exp(0.5 * train.inputs[n * train.features + 3]);
    return 0.03 * (y + deviation * random.normal());
  });
  return { ...train, targets };
}

function becomesNegative(own: Runs): Finding {
  const bad = tracesOf(own).find(({ end }) => !(end < 0));
  return bad && { fault: `ends at ${short(bad.end)}, not below zero` };
}

/** The row about it. */
export const likelihoodRows: readonly ZooRow[] = [{
  name: "Gaussian likelihood, batch 32",
  size: "usual",
  seeds: 2,
  quantity: "negative log likelihood",
  rivals: () => ADAMS,
  measure: (lab, contender, seed) => {
    const examples = unevenNoise(seed);
    const network = new GaussianNetwork(examples.features, 64, 64);
    using model = externalModel(lab.backend, network.parameters);
    model.writeWeights(network.initialWeights(seed));
    network.weights = model.readWeightsSync();
    using optimizer = create(model, contender, EPOCHS * stepsPerEpoch(examples, BATCH));
    function* batches(epoch: number): Generator<ExternalBatch> {
      for (const batch of shuffled(examples, BATCH, seed, epoch)) {
        network.weights = model.readWeightsSync();
        yield network.differentiate(batch);
      }
    }
    const evaluate = (): number => {
      network.weights = model.readWeightsSync();
      return network.loss(examples);
    };
    const trace = train<ExternalBatch>({
      ...{ optimizer, epochs: EPOCHS, batches, evaluate },
      // Ratios mean nothing near zero: a step is measured against one nat.
      floor: 1,
    });
    return Promise.resolve({ value: trace.end, traces: [trace] });
  },
  judge: judgeBy("mean", survives, staysNear, improves, becomesNegative, nearBest(0.03)),
}];
