/**
 * Deep plain networks: no shortcut, no normalisation, so that a step that is a little too long in every
 * layer is far too long in all of them together.
 *
 * @module
 */

import { softmaxCrossEntropy } from "@tekfac/tekfac";
import { ADAMS } from "../contenders.ts";
import { fit, plainLayers } from "../fit.ts";
import { residueClasses } from "../problems.ts";
import type { RowSize, ZooRow } from "../row.ts";
import { gentle, judgeBy, lowEnough, survives } from "../verdict.ts";

const DEPTHS = [2, 5, 10, 13, 20, 26, 40] as const;
const WIDTHS = [16, 64] as const;
const KINDS = [["relu", "lecun"], ["relu", "he"], ["tanh", "lecun"], ["tanh", "he"]] as const;

/** Shallow and deep, in `--short`. */
const SHORT: readonly string[] = ["relu 10x16 he", "relu 20x64 lecun", "tanh 20x16 lecun"];

/** Every depth, width, nonlinearity and initializer at least once. */
const USUAL: readonly string[] = [
  ...SHORT,
  ...["relu 2x16 lecun", "relu 10x16 lecun", "relu 13x64 lecun", "relu 20x16 lecun"],
  ...["relu 26x64 lecun", "relu 40x16 lecun", "relu 5x64 he", "relu 20x16 he", "relu 40x64 he"],
  ...["tanh 5x16 lecun", "tanh 20x64 lecun", "tanh 26x16 lecun", "tanh 40x16 lecun"],
  ...["tanh 13x64 he", "tanh 20x16 he"],
];

/** Steps of a run, all with the same 64 examples. */
const STEPS = 300;

function sizeOf(name: string): RowSize {
  return SHORT.includes(name) ? "short" : USUAL.includes(name) ? "usual" : "extra";
}

/** All depths at all widths with all nonlinearities and initializers. */
export const deepRows: readonly ZooRow[] = KINDS.flatMap(([activation, init]) =>
  DEPTHS.flatMap((depth) =>
    WIDTHS.map((width): ZooRow => {
      const name = `${activation} ${depth}x${width} ${init}`;
      return {
        name: `deep ${name}`,
        size: sizeOf(name),
        seeds: 2,
        quantity: "loss",
        rivals: () => ADAMS,
        measure: (lab, contender, seed) => {
          const trace = fit(lab, contender, {
            layers: plainLayers(Array(depth).fill(width), 3, activation, init),
            loss: softmaxCrossEntropy(),
            train: residueClasses(64),
            batch: 64,
            epochs: STEPS,
            anneal: false,
            seed,
            floor: 1e-3,
          });
          return Promise.resolve({ value: trace.end, traces: [trace] });
        },
        judge: judgeBy("highest", survives, gentle(3), lowEnough(0.05, 2)),
      };
    })
  )
);
