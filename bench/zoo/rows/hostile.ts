/**
 * Problems that somebody will have one day: bad labels, dead inputs, tiny batches, odd scales.
 *
 * @module
 */

import { softmaxCrossEntropy, squaredError } from "@tekfac/tekfac";
import { Random } from "@tekfac/tekfac/core";
import { zeros } from "@tekfac/tekfac/nn";
import { ADAMS } from "../contenders.ts";
import { type Examples, scaled } from "../examples.ts";
import { type Fit, fit, plainLayers } from "../fit.ts";
import { residueClasses, waveRegression } from "../problems.ts";
import type { ZooRow } from "../row.ts";
import { type Check, improves, judgeBy, lowEnough, staysPut, survives } from "../verdict.ts";

/** A row whose value is the loss at the end of what is learned from. */
function hostile(
  name: string,
  problem: (seed: number) => Omit<Fit, "seed">,
  ends: Check = improves,
): ZooRow {
  return {
    name: `hostile: ${name}`,
    size: "short",
    seeds: 2,
    quantity: "loss",
    rivals: () => ADAMS,
    measure: (lab, contender, seed) => {
      const trace = fit(lab, contender, { ...problem(seed), seed });
      return Promise.resolve({ value: trace.end, traces: [trace] });
    },
    judge: judgeBy("highest", survives, ends, lowEnough(0.05, 2)),
  };
}

/** Three classes for a network with few hidden units. */
function classes(train: Examples, batch: number, epochs: number, hidden: number[]) {
  const layers = plainLayers(hidden, 3, "relu", "lecun");
  return { layers, loss: softmaxCrossEntropy(), train, batch, epochs };
}

/** The waves, for the network of the other rows. */
function waves(train: Examples, batch: number, epochs: number) {
  const layers = plainLayers([64, 64], 1, "relu", "he");
  return { layers, loss: squaredError(), train, batch, epochs };
}

/** Every fifth example, by chance, gets a label by chance. */
function mislabelled(examples: Examples, seed: number): Examples {
  const random = new Random(seed);
  const targets = Uint8Array.from(
    examples.targets,
    (label) => random.uniform() < 0.2 ? random.integer(3) : label,
  );
  return { ...examples, targets };
}

function constant(examples: Examples): Examples {
  return { ...examples, inputs: new Float32Array(examples.inputs.length).fill(1) };
}

/** Hostile rows without outliers. */
export const hostileRows: readonly ZooRow[] = [
  hostile("every fifth label random", (seed) => ({
    ...classes(mislabelled(residueClasses(1000, seed), seed), 32, 20, [32]),
  })),
  hostile("constant inputs", () => classes(constant(residueClasses(64)), 16, 20, [16, 16])),
  hostile("hidden layers of one unit", () => ({
    ...classes(residueClasses(64), 64, 300, []),
    layers: plainLayers([1, 1, 1], 3, "tanh", "lecun"),
  })),
  hostile("batches of one", (seed) => waves(waveRegression(seed).train, 1, 3)),
  hostile("head of zeros", (seed) => ({
    ...waves(waveRegression(seed).train, 32, 20),
    layers: plainLayers([64, 64], 1, "relu", "he", zeros),
  })),
  hostile("inputs x 1e3", (seed) => {
    return waves(scaled(waveRegression(seed).train, { inputs: 1e3 }), 32, 20);
  }),
  // Biases are all of the first layer's curvature here, and of its signal: AdamW does not learn this either.
  hostile("inputs x 1e-3", (seed) => {
    return waves(scaled(waveRegression(seed).train, { inputs: 1e-3 }), 32, 20);
  }, staysPut),
];
