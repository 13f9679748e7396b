/**
 * The loss case: values and gradients of the four losses.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { DataError } from "@tekfac/tekfac/core";
import {
  type Loss,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  squaredError,
} from "@tekfac/tekfac/nn";
import type { Checks } from "./checks.ts";
import type { Fields } from "./fields.ts";

/** The library's losses by the golden cases' names. */
const LOSSES: Readonly<Record<string, Loss>> = {
  softmaxCE: softmaxCrossEntropy(),
  halfSumMSE: squaredError(),
  meanMSE: squaredError({ over: "mean" }),
  sigmoidBCEsum: sigmoidCrossEntropy(),
};

/** Compares every loss of the case. Targets are `labels`, `targets`, or `targetsBCE` in [0, 1]. */
export async function checkLosses(
  backend: Backend,
  golden: Fields,
  checks: Checks,
): Promise<void> {
  const outputs = golden.tensor("z", 2);
  const [examples, width] = outputs.shape;
  for (const name of golden.group("expected").names) {
    const loss = LOSSES[name];
    if (loss === undefined) {
      const known = Object.keys(LOSSES).join(", ");
      throw new DataError("expected", `must hold losses named ${known}: received '${name}'`);
    }
    const expected = golden.group("expected").group(name);
    const targets = targetsOf(golden, name);
    loss.checkTargets(targets, width);
    const [values, mean, slopes] = await backend.scope(() => {
      const z = backend.scratch(examples, width);
      const y = backend.scratch(...loss.targetShape(examples, width));
      backend.write(z, outputs.data);
      backend.write(y, targets);
      const losses = backend.scratch(1, examples);
      const gradients = backend.scratch(examples, width);
      backend.loss(loss.kind, losses, gradients, z, y);
      const mean = backend.scratch(1, 1);
      backend.sum(mean, losses, { scale: 1 / examples });
      return Promise.all([losses, mean, gradients].map((matrix) => backend.read(matrix)));
    });
    const compare = (what: string, actual: ArrayLike<number>, golden: ArrayLike<number>) =>
      checks.compare("statistics", `${name} ${what}`, actual, golden);
    compare("values", values, expected.tensor("perExample").data);
    compare("mean", mean, [expected.number("mean")]);
    compare("gradients", slopes, expected.tensor("outputGrads").data);
  }
}

function targetsOf(golden: Fields, loss: string): ArrayLike<number> {
  if (loss === "softmaxCE") return golden.numbers("labels");
  const name = loss === "sigmoidBCEsum" && golden.has("targetsBCE") ? "targetsBCE" : "targets";
  return golden.tensor(name).data;
}
