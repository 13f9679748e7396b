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

/** Units in which the same problem is solved, and how far apart the ends may lie. */
interface Units {
  readonly name: string;
  readonly units: readonly number[];
  readonly spread: number;
}

/** Multiplying by these changes no digit. */
const POWERS: Units = {
  name: "units 2^-20..2^20",
  units: [2 ** -20, 2 ** -10, 1, 2 ** 10, 2 ** 20],
  spread: 1e-3,
};

/** Units that a user might have without a thought; they change every digit, so runs agree as far as rounding lets them. */
const DECADES: Units = {
  name: "units 1e-4..1e4",
  units: [1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 1e2, 1e3, 1e4],
  spread: 0.05,
};

/** Share of the targets' variance below which a fit is as good as any other. */
const NOISE_FLOOR = 1e-3;

/** With the head in the unit of the targets, nothing but the unit is different. */
function sameRuns(
  { name, units, spread }: Units,
  what: string,
  size: RowSize,
  problem: (seed: number) => Fit,
): ZooRow {
  return {
    name: `${name}, ${what}`,
    size,
    seeds: 1,
    quantity: "loss / unit^2",
    rivals: () => ADAMS,
    measure: (lab, contender, seed) => {
      const plain = problem(seed);
      const traces = units.map((unit) =>
        fit(lab, contender, {
          ...plain,
          train: scaled(plain.train, { targets: unit }),
          unit: unit ** 2,
          prepare: scaleHead(unit),
        })
      );
      return Promise.resolve({ value: highestEnd(traces), traces });
    },
    judge: judgeBy("highest", survives, improves, spreadWithin(spread)),
  };
}

/** A head that knows nothing of the unit is up to ten thousand times too large or too small, and has to move first. */
const unscaled: ZooRow = {
  name: `${DECADES.name}, head unscaled`,
  size: "usual",
  seeds: 1,
  quantity: "loss / variance",
  rivals: () => ADAMS,
  measure: (lab, contender, seed) => {
    const plain = offsetRegression();
    const variance = halfVariance(plain);
    const traces = DECADES.units.map((unit) =>
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

function taught(seed: number): Fit {
  return {
    layers: plainLayers([32], 1, "tanh", "lecun"),
    loss: squaredError(),
    train: taughtRegression(),
    batch: 64,
    epochs: 10,
    seed,
  };
}

/** Rows about units. */
export const unitRows: readonly ZooRow[] = [
  sameRuns(POWERS, "tanh, batch 64", "short", taught),
  sameRuns(POWERS, "relu, batch 32", "usual", (seed) => ({
    layers: plainLayers([64, 64], 1, "relu", "he"),
    loss: squaredError(),
    train: waveRegression(seed).train,
    batch: 32,
    epochs: 10,
    seed,
  })),
  sameRuns(DECADES, "tanh, batch 64", "short", taught),
  unscaled,
];
