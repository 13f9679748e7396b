/**
 * The same regression with its targets in other units: metres or millimetres must not matter.
 *
 * @module
 */

import { squaredError } from "@tekfac/tekfac";
import { ADAMS } from "../contenders.ts";
import { scaled } from "../examples.ts";
import { type Fit, fit, plainLayers, scaleHead } from "../fit.ts";
import { halfVariance, offsetRegression, taughtRegression, waveRegression } from "../problems.ts";
import type { Measurement, RowSize, ZooRow } from "../row.ts";
import {
  type Check,
  improves,
  judgeBy,
  lowEnough,
  neverRises,
  short,
  survives,
} from "../verdict.ts";

/** Multiplying by these changes no digit. */
const POWERS = [2 ** -20, 2 ** -10, 1, 2 ** 10, 2 ** 20];

/** Units that a user might have without a thought. */
const DECADES = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 1e2, 1e3, 1e4];

/** Share of the targets' variance below which a fit is as good as any other. */
const NOISE_FLOOR = 1e-3;

/** With the head in the unit of the targets, nothing but the unit is different. */
function sameRuns(name: string, size: RowSize, problem: (seed: number) => Fit): ZooRow {
  return {
    name: `units 2^-20..2^20, ${name}`,
    size,
    seeds: 1,
    quantity: "loss / unit^2",
    rivals: () => ADAMS,
    measure: (lab, contender, seed) => {
      const plain = problem(seed);
      const traces = POWERS.map((unit) =>
        fit(lab, contender, {
          ...plain,
          train: scaled(plain.train, { targets: unit }),
          unit: unit ** 2,
          prepare: scaleHead(unit),
        })
      );
      return Promise.resolve({ value: highestEnd(traces), traces });
    },
    judge: judgeBy("highest", survives, improves, spreadWithin(1e-3)),
  };
}

/** Units that change every digit, so that runs agree as far as rounding lets them. */
const decades: ZooRow = {
  name: "units 1e-4..1e4",
  size: "short",
  seeds: 1,
  quantity: "loss / unit^2",
  rivals: () => ADAMS,
  measure: (lab, contender, seed) => {
    const traces = DECADES.map((unit) =>
      fit(lab, contender, {
        layers: plainLayers([32], 1, "tanh", "lecun"),
        loss: squaredError(),
        train: scaled(taughtRegression(), { targets: unit }),
        batch: 64,
        epochs: 10,
        seed,
        unit: unit ** 2,
        prepare: scaleHead(unit),
      })
    );
    return Promise.resolve({ value: highestEnd(traces), traces });
  },
  judge: judgeBy("highest", survives, improves, spreadWithin(0.05)),
};

/** A head that knows nothing of the unit is up to ten thousand times too large or too small, and has to move first. */
const unscaled: ZooRow = {
  name: "units 1e-4..1e4, head unscaled",
  size: "usual",
  seeds: 1,
  quantity: "loss / variance",
  rivals: () => ADAMS,
  measure: (lab, contender, seed) => {
    const plain = offsetRegression();
    const variance = halfVariance(plain);
    const traces = DECADES.map((unit) =>
      fit(lab, contender, {
        layers: plainLayers([16], 1, "tanh", "lecun"),
        loss: squaredError(),
        train: scaled(plain, { targets: unit }),
        batch: 64,
        epochs: 500,
        seed,
        unit: variance * unit ** 2,
        floor: NOISE_FLOOR,
      })
    );
    return Promise.resolve({ value: highestEnd(traces), traces });
  },
  judge: judgeBy("highest", survives, neverRises, lowEnough(NOISE_FLOOR, 1)),
};

function highestEnd(traces: Measurement["traces"]): number {
  return Math.max(...traces.map(({ end }) => end));
}

/** The ends of a seed's runs lie so close together. */
function spreadWithin(share: number): Check {
  return ({ runs }) => {
    for (const { traces } of runs) {
      const ends = traces.map(({ end }) => end);
      const [low, high] = [Math.min(...ends), Math.max(...ends)];
      if (!(high <= low * (1 + share))) {
        return { fault: `ends from ${short(low)} to ${short(high)}` };
      }
    }
    return undefined;
  };
}

/** Rows about units. */
export const unitRows: readonly ZooRow[] = [
  sameRuns("tanh, batch 64", "short", (seed) => ({
    layers: plainLayers([32], 1, "tanh", "lecun"),
    loss: squaredError(),
    train: taughtRegression(),
    batch: 64,
    epochs: 10,
    seed,
  })),
  sameRuns("relu, batch 32", "usual", (seed) => ({
    layers: plainLayers([64, 64], 1, "relu", "he"),
    loss: squaredError(),
    train: waveRegression(seed).train,
    batch: 32,
    epochs: 10,
    seed,
  })),
  decades,
  unscaled,
];
