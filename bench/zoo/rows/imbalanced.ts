/**
 * Imbalanced classes: the family of problems on which keeping the trace of the curvature pays, so that
 * TEKFAC ends below EKFAC.
 *
 * @module
 */

import { softmaxCrossEntropy } from "@tekfac/tekfac";
import { judged } from "../contenders.ts";
import { pick } from "../examples.ts";
import { fit, plainLayers } from "../fit.ts";
import { imbalancedClasses } from "../imbalanced.ts";
import type { Runs, ZooRow } from "../row.ts";
import { type Finding, improves, judgeBy, short, survives } from "../verdict.ts";

/** TEKFAC's loss is the lower one with every seed; nothing is asked of others. */
function belowEkfac({ contender, runs }: Runs, rivals: readonly Runs[]): Finding {
  if (contender.method !== "tekfac") return undefined;
  if (rivals.length === 0) return "unknown";
  const ratios = runs.map(({ value }, seed) => value / rivals[0].runs[seed].value);
  const above = ratios.filter((ratio) => !(ratio < 1));
  return above.length === 0 ? undefined : {
    fault: `above EKFAC in ${above.length} of ${runs.length} runs (${short(Math.max(...above))} x)`,
  };
}

/** The row about them. */
export const imbalancedRows: readonly ZooRow[] = [{
  name: "imbalanced classes",
  size: "usual",
  seeds: 6,
  quantity: "loss",
  // The same options for both: what is compared is how curvature is approximated.
  rivals: (options) => [judged("ekfac", options)],
  measure: (lab, contender, seed) => {
    const trace = fit(lab, contender, {
      layers: plainLayers([20], 10, "relu", "lecun"),
      loss: softmaxCrossEntropy(),
      train: pick(imbalancedClasses(), Array.from({ length: 3000 }, (_, n) => n)),
      batch: 100,
      epochs: 10,
      seed,
    });
    return Promise.resolve({ value: trace.end, traces: [trace] });
  },
  judge: judgeBy("mean", survives, improves, belowEkfac),
}];
