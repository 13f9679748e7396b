/**
 * Regression in small batches, where each batch's curvature is noise to a good part.
 *
 * @module
 */

import { squaredError } from "@tekfac/tekfac";
import { ADAMS } from "../contenders.ts";
import { fit, plainLayers } from "../fit.ts";
import { waveRegression } from "../problems.ts";
import type { ZooRow } from "../row.ts";
import { splitTable } from "../table_file.ts";
import { judgeBy, nearBest, staysNear, survives } from "../verdict.ts";

const BATCHES = [8, 32, 128] as const;

/** Tables, and epochs at the batches: more of them where the table is short. */
const TABLES: readonly (readonly [name: string, epochs: readonly [number, number, number]])[] = [
  ["concrete", [40, 60, 60]],
  ["energy", [40, 60, 60]],
  ["yacht", [40, 60, 60]],
  ["wine-quality-red", [20, 30, 30]],
  ["kin8nm", [6, 15, 30]],
  ["power-plant", [4, 10, 20]],
];

/** As good as the best rival, up to what splits differ by. */
const judge = judgeBy("mean", survives, staysNear, nearBest(0.03));

function layers() {
  return plainLayers([64, 64], 1, "relu", "he");
}

const tableRows: readonly ZooRow[] = TABLES.flatMap(([name, epochs]) =>
  BATCHES.map((batch, i): ZooRow => ({
    name: `uci ${name}, batch ${batch}`,
    size: "usual",
    needs: "uci",
    seeds: 2,
    quantity: "test RMSE",
    rivals: () => ADAMS,
    measure: async (lab, contender, seed) => {
      const split = splitTable(await lab.table(name), seed - 1);
      let [lowest, value] = [Infinity, NaN];
      const trace = fit(lab, contender, {
        layers: layers(),
        loss: squaredError(),
        train: split.train,
        batch,
        epochs: epochs[i],
        seed,
        // The test part is looked at where the validation part is at its best, as a user would stop.
        afterEpoch: (evaluate) => {
          const loss = evaluate(split.validation);
          if (!(loss < lowest)) return;
          lowest = loss;
          value = split.deviation * Math.sqrt(2 * evaluate(split.test));
        },
      });
      return { value, traces: [trace] };
    },
    judge,
  }))
);

const waveRows: readonly ZooRow[] = BATCHES.map((batch): ZooRow => ({
  name: `wave regression, batch ${batch}`,
  size: "short",
  seeds: 2,
  quantity: "test MSE",
  rivals: () => ADAMS,
  measure: (lab, contender, seed) => {
    const { train, test } = waveRegression(seed);
    let value = NaN;
    const trace = fit(lab, contender, {
      layers: layers(),
      loss: squaredError(),
      train,
      batch,
      epochs: batch === 8 ? 20 : 40,
      seed,
      afterEpoch: (evaluate) => value = 2 * evaluate(test),
    });
    return Promise.resolve({ value, traces: [trace] });
  },
  judge,
}));

/** Rows about regression in small batches. */
export const regressionRows: readonly ZooRow[] = [...waveRows, ...tableRows];
