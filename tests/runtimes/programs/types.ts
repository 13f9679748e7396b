/** A program in the types of the npm package: every entry point, and a mistake that has to be found. */
import * as tk from "@tekfac/tekfac";
import type { Backend } from "@tekfac/tekfac/backend";
import type { Capture } from "@tekfac/tekfac/core";
import type { CurvatureEstimator } from "@tekfac/tekfac/curvature";
import { batches, glyphs } from "@tekfac/tekfac/data";
import { eigh } from "@tekfac/tekfac/linalg";
import { objective, sequential, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";
import { selfCheck } from "@tekfac/tekfac/testing";
import type { TrainingRecord } from "@tekfac/tekfac/training";

export async function program(backend: Backend): Promise<number> {
  const { train } = glyphs({ train: 10, test: 1, seed: 1 });
  const model = sequential(backend, {
    input: train.shape,
    layers: [tk.flatten(), tk.dense(2)],
    seed: 1,
  });
  const optimizer = tekfac(objective(model, softmaxCrossEntropy()));
  // @ts-expect-error: there is no such option
  tekfac(objective(model, softmaxCrossEntropy()), { dampening: 1 });
  for (const batch of batches(train, { size: 5 })) await optimizer.step(batch);
  const { passed }: { passed: boolean } = await selfCheck(backend);
  return passed ? eigh({ rows: 1, cols: 1, data: Float64Array.of(1) }).values[0] : 0;
}

export type Names = Capture | CurvatureEstimator | TrainingRecord;
