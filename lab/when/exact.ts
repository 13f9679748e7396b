/**
 * Exact Fisher blocks of a small network on data of a family, while it learns, and how far the bases of EKFAC and
 * TEKFAC are from them.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { cosine, Random } from "@tekfac/tekfac/core";
import { batches, type DatasetSplit, examplesIn, inputSize, subset } from "@tekfac/tekfac/data";
import { denseMatrix, softmax } from "@tekfac/tekfac/linalg";
import {
  type BatchLike,
  dense,
  type ModelObjective,
  objective,
  relu,
  sequential,
  softmaxCrossEntropy,
} from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";
import { type FamilyMember, measureFamily } from "../relationships/divergences.ts";
import { fisherRelationships } from "../relationships/layer_relationships.ts";

/** Steps after which blocks are looked at: before the first, early, late. */
export const stages = [0, 20, 200] as const;

/** Hidden units: blocks of 8 x 25 and 10 x 9 weights. */
const HIDDEN = 8;

/** Examples that a block is a mean over, and targets drawn for each from the model's own prediction. */
const [EXAMPLES, DRAWS] = [400, 4];

/** Blocks of one stage. */
export interface ExactStage {
  /** Steps taken. */
  readonly step: number;
  /** Share of the examples that |g|^2 counts, of the first layer. */
  readonly effectiveShare: number;
  /** Of each layer, EKFAC's weights first. */
  readonly layers: readonly (readonly FamilyMember[])[];
}

/**
 * Trains on the data and measures at each stage. The blocks are of the Fisher information proper: targets are drawn
 * from the model.
 *
 * @param backend The reference backend, for figures in float64.
 */
export function exactStages(backend: Backend, data: DatasetSplit, seed: number): ExactStage[] {
  using model = sequential(backend, {
    input: data.train.shape,
    layers: [dense(HIDDEN), relu(), dense(10)],
    seed,
  });
  const goal = objective(model, softmaxCrossEntropy());
  const annealing = cosine(stages[stages.length - 1]);
  using optimizer = tekfac(goal, { rank: "full", annealing, seed });
  const found: ExactStage[] = [];
  let share = 1;
  const look = (step: number): void => {
    const batch = drawnTargets(goal, data, seed);
    found.push({
      step,
      effectiveShare: share,
      layers: fisherRelationships(goal, batch).map(measureFamily),
    });
  };
  let step = 0;
  for (let epoch = 0; found.length < stages.length; epoch++) {
    for (const batch of batches(data.train, { size: 100, shuffle: { seed, epoch } })) {
      if ((stages as readonly number[]).includes(step)) look(step);
      if (found.length === stages.length) break;
      share = optimizer.stepSync(batch).layers[0].effectiveShare ?? share;
      step++;
    }
  }
  return found;
}

/** The first examples, each several times, with labels that the model draws. */
function drawnTargets(goal: ModelObjective, { train }: DatasetSplit, seed: number): BatchLike {
  const random = new Random(seed + 1);
  const some = subset(
    train,
    Array.from({ length: Math.min(EXAMPLES, examplesIn(train)) }, (_, n) => n),
  );
  const size = inputSize(some);
  const inputs: number[] = [];
  const targets: number[] = [];
  const [batch] = batches(some, { size: EXAMPLES });
  const outputs = goal.predictSync(batch.inputs);
  const classes = outputs.length / examplesIn(some);
  const shares = softmax(denseMatrix(examplesIn(some), classes, outputs));
  for (let n = 0; n < examplesIn(some); n++) {
    for (let draw = 0; draw < DRAWS; draw++) {
      let [rest, label] = [random.uniform(), 0];
      while (label < classes - 1 && (rest -= shares.data[n * classes + label]) > 0) label++;
      inputs.push(...batch.inputs.slice(n * size, (n + 1) * size));
      targets.push(label);
    }
  }
  return { inputs, targets };
}
