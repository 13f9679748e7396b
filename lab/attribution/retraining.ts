/**
 * What influence predicts, against training again: models are trained on random halves of the examples, and for each
 * query the losses that they end with are ranked beside the losses that influence predicts, sums of scores over each
 * half. The mean rank correlation is the linear datamodeling score (Park et al. 2023, arXiv 2303.14186).
 *
 * @module
 */

import { curvatureOf, type CurvatureOptions, influence } from "@tekfac/tekfac/analysis";
import type { Backend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import { batches, type Dataset, examplesIn, subset } from "@tekfac/tekfac/data";
import { type Loss, type ModelObjective, objective, type Sequential } from "@tekfac/tekfac/nn";
import { geometricMean } from "../paired_statistics.ts";

/** So much damping that only inner products of gradients are left. */
const NO_CURVATURE = 1e12;

/** A model that can be trained again and again. */
export interface RetrainingProblem {
  /** The examples that may have taught. */
  readonly train: Dataset;
  /** The examples whose losses are asked about. */
  readonly queries: Dataset;
  /** What is minimised. */
  readonly loss: Loss;
  /** Trains a new model; the caller disposes it. */
  readonly trained: (backend: Backend, data: Dataset, seed: number) => Promise<Sequential>;
}

/** How much work is put in. */
export interface RetrainingStudy {
  /** Random halves. */
  readonly halves: number;
  /** Trainings on each half, whose losses are averaged. */
  readonly trainings: number;
  /** Models trained on everything, whose scores are averaged. */
  readonly models: number;
  /** Damping as multiples of the mean eigenvalue. */
  readonly taus: readonly number[];
  /** Of halves and weights. */
  readonly seed: number;
  /** Is told what has been done. */
  readonly onProgress?: (text: string) => void;
}

/** A way to predict. */
export interface Prediction {
  /** Name of the approximation. */
  readonly method: string;
  /** Damping; absent where there is none. */
  readonly tau?: number;
  /** Rank correlation of each query. */
  readonly correlations: readonly number[];
}

/** The methods that are compared; `gradient` is inner products without curvature. */
const METHODS = ["tekfac", "ekfac", "tkfac", "kfac", "diagonal"] as const;

/** The study. */
export async function studyRetraining(
  backend: Backend,
  problem: RetrainingProblem,
  study: RetrainingStudy,
): Promise<readonly Prediction[]> {
  const { train } = problem;
  const { halves: count, seed, onProgress } = study;
  const random = new Random(seed);
  const size = examplesIn(train);
  const halves = Array.from(
    { length: count },
    () => random.permutation(size).slice(0, size >> 1).sort(),
  );
  const losses: Float64Array[] = [];
  for (const [j, half] of halves.entries()) {
    losses.push(await endLosses(backend, problem, half, study, j));
    onProgress?.(`half ${j + 1} of ${count}`);
  }
  const scores = await scoresOf(backend, problem, study);
  return scores.map(({ scores, ...name }) => ({
    ...name,
    correlations: Array.from({ length: examplesIn(problem.queries) }, (_, q) => {
      const row = scores.subarray(q * size, (q + 1) * size);
      const predicted = halves.map((half) => half.reduce((sum, i) => sum + row[i], 0));
      return rankCorrelation(predicted, losses.map((of) => of[q]));
    }),
  }));
}

/** Losses of all queries after training on a half, means over trainings. */
async function endLosses(
  backend: Backend,
  problem: RetrainingProblem,
  half: Uint32Array,
  { trainings, seed }: RetrainingStudy,
  j: number,
): Promise<Float64Array> {
  const sums = new Float64Array(examplesIn(problem.queries));
  for (let t = 0; t < trainings; t++) {
    const data = subset(problem.train, half);
    using model = await problem.trained(backend, data, seed + 10_000 + j * trainings + t);
    lossesOf(objective(model, problem.loss), problem.queries)
      .forEach((loss, q) => sums[q] += loss / trainings);
  }
  return sums;
}

/** Scores [queries, examples] of every method and damping, means over models trained on everything. */
async function scoresOf(
  backend: Backend,
  problem: RetrainingProblem,
  { models, taus, seed, onProgress }: RetrainingStudy,
): Promise<{ method: string; tau?: number; scores: Float64Array }[]> {
  const { train, queries, loss } = problem;
  const variants = [
    ...METHODS.flatMap((method) => taus.map((tau) => ({ method, tau }))),
    { method: "gradient" as const },
  ].map((name) => ({ ...name, scores: new Float64Array(examplesIn(queries) * examplesIn(train)) }));
  for (let m = 0; m < models; m++) {
    using model = await problem.trained(backend, train, seed + m);
    const goal = objective(model, loss);
    for (const method of [...METHODS, "gradient"] as const) {
      const options: CurvatureOptions = { method: method === "gradient" ? "diagonal" : method };
      using curvature = await curvatureOf(goal, train, options);
      for (const variant of variants.filter((other) => other.method === method)) {
        const damping = "tau" in variant && variant.tau !== undefined
          ? { kind: "relative", tau: variant.tau } as const
          : NO_CURVATURE;
        const found = await influence(curvature, { train, queries, damping, scores: true, top: 0 });
        const unit = damping === NO_CURVATURE ? NO_CURVATURE : 1;
        found.scores!.forEach((score, i) => variant.scores[i] += unit * score / models);
      }
    }
    onProgress?.(`scores of model ${m + 1} of ${models}`);
  }
  return variants;
}

function lossesOf(goal: ModelObjective, data: Dataset): number[] {
  const { backend } = goal;
  return Array.from(
    batches(data, { size: 500 }),
    (batch) =>
      backend.scope(
        () => [...backend.readSync(goal.differentiate(batch, undefined, "prediction"))],
      ),
  ).flat();
}

/** Spearman's correlation: Pearson's of the ranks; ties share theirs. 0 where one side is constant. */
export function rankCorrelation(x: readonly number[], y: readonly number[]): number {
  const [a, b] = [centred(ranks(x)), centred(ranks(y))];
  const dot = (p: readonly number[], q: readonly number[]) =>
    p.reduce((s, v, i) => s + v * q[i], 0);
  const scale = Math.sqrt(dot(a, a) * dot(b, b));
  return scale === 0 ? 0 : dot(a, b) / scale;
}

function ranks(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  return values.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2);
}

function centred(values: readonly number[]): number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
}

/** A mean with its 95 % bootstrap interval, as {@linkcode geometricMean} makes it. */
export function meanOf(values: readonly number[]): { mean: number; low: number; high: number } {
  const { ratio, low, high } = geometricMean(values.map(Math.exp))!;
  return { mean: Math.log(ratio), low: Math.log(low ?? ratio), high: Math.log(high ?? ratio) };
}
