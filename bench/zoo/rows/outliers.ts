/**
 * One batch whose numbers are a million times too large: afterwards all must go on as if it had not been.
 *
 * @module
 */

import { type BatchLike, softmaxCrossEntropy, squaredError } from "@tekfac/tekfac";
import { ADAMS } from "../contenders.ts";
import { type Fit, fit, plainLayers } from "../fit.ts";
import { residueClasses, waveRegression } from "../problems.ts";
import type { Runs, ZooRow } from "../row.ts";
import { bestInSeed, type Finding, improves, judgeBy, short, survives } from "../verdict.ts";

const FACTOR = 1e6;

/** The step of the batch. Curvature is observed in it. */
const STEP = 20;

/** Share of the start below which two ends are equally good. */
const FLOOR = 1e-3;

/** At most twice what the same run reaches without the outlier, or no worse than the best rival with it. */
function forgiven({ runs }: Runs, rivals: readonly Runs[]): Finding {
  for (const [seed, { traces: [struck, spared] }] of runs.entries()) {
    if (struck.end <= Math.max(2 * spared.end, FLOOR * struck.start)) continue;
    if (rivals.length > 0 && struck.end <= bestInSeed(rivals, seed)) continue;
    return { fault: `ends at ${short(struck.end)}, without the outlier at ${short(spared.end)}` };
  }
  return undefined;
}

function outlier(
  name: string,
  problem: (seed: number) => Omit<Fit, "seed">,
  strike: (batch: BatchLike) => BatchLike,
): ZooRow {
  return {
    name: `outlier: ${name}`,
    size: "short",
    seeds: 2,
    quantity: "loss",
    rivals: () => ADAMS,
    measure: (lab, contender, seed) => {
      const plain: Fit = { ...problem(seed), seed };
      const struck = fit(lab, contender, {
        ...plain,
        strange: STEP,
        replace: (batch, step) => step === STEP ? strike(batch) : batch,
      });
      return Promise.resolve({ value: struck.end, traces: [struck, fit(lab, contender, plain)] });
    },
    judge: judgeBy("highest", survives, improves, forgiven),
  };
}

function waves(seed: number): Omit<Fit, "seed"> {
  return {
    layers: plainLayers([64, 64], 1, "relu", "he"),
    loss: squaredError(),
    train: waveRegression(seed).train,
    batch: 32,
    epochs: 20,
  };
}

function enlarged(numbers: ArrayLike<number>): Float32Array {
  return Float32Array.from(numbers, (value) => FACTOR * value);
}

/** Rows about outliers. */
export const outlierRows: readonly ZooRow[] = [
  outlier(
    "classification, inputs x 1e6",
    () => ({
      layers: plainLayers([8], 3, "relu", "lecun"),
      loss: softmaxCrossEntropy(),
      train: residueClasses(32),
      batch: 32,
      epochs: 1000,
      anneal: false,
    }),
    // Other examples, so that the network cannot be right about them already.
    () => residueClasses(32, 5, FACTOR),
  ),
  outlier("regression, inputs x 1e6", waves, ({ inputs, targets }) => ({
    inputs: enlarged(inputs),
    targets,
  })),
  outlier("regression, targets x 1e6", waves, ({ inputs, targets }) => ({
    inputs,
    targets: enlarged(targets),
  })),
];
