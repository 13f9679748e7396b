/**
 * The loop that trains a language model: steps on random windows, evaluations on text held out.
 *
 * @module
 */

import { NumericalError } from "../core/errors.ts";
import { checkNumber } from "../core/options.ts";
import { consecutiveTokens, drawTokens, type TextSplit, type TokenBatch } from "../data/text.ts";
import type { BatchLike } from "../nn/batch.ts";
import type { ModelObjective } from "../nn/model_objective.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { StepReport } from "../optim/report.ts";
import { Pause } from "../core/pause.ts";

/** What is trained, on what, and for how long. */
export interface TrainTextOptions {
  /** The model with its loss. Not owned. */
  readonly objective: ModelObjective;
  /** Takes the steps; where it has taken some already, as after `loadState`, training goes on after them. Not owned. */
  readonly optimizer: Optimizer<BatchLike>;
  /** Tokens that the model looks at. */
  readonly context: number;
  /** Text to learn from and text to be judged by. */
  readonly data: TextSplit;
  /** Steps in all, from the very beginning, >= 0. */
  readonly steps: number;
  /** Windows per step, >= 1. */
  readonly batchSize: number;
  /** Decides the windows. */
  readonly seed: number;
  /** Steps from one evaluation to the next, >= 1. @default {a tenth of all} */
  readonly evaluateEvery?: number;
  /** Most windows of the text held out that an evaluation takes, evenly spread, >= 1. @default {512} */
  readonly evaluationWindows?: number;
  /** Is told about everything as it happens. */
  readonly observer?: TextObserver;
}

/** Where a run stands. */
export interface TextProgress {
  /** Steps taken, from the very beginning. */
  readonly step: number;
  /** Steps in all. */
  readonly steps: number;
  /** Tokens per second of training time, from the beginning of this run. */
  readonly tokensPerSecond: number;
  /** What the optimizer says about the step. */
  readonly report: StepReport;
}

/** Is told about a run as it happens. Time spent here is not counted as training time. */
export interface TextObserver {
  /** After each step. */
  onStep?(progress: TextProgress): void;
  /** After each evaluation; training goes on when the promise resolves. */
  onEvaluation?(evaluation: TextEvaluation): void | Promise<void>;
}

/** One evaluation. */
export interface TextEvaluation {
  /** Steps taken, from the very beginning. */
  readonly step: number;
  /** Mean loss of the steps since the last evaluation, nats per token, each before its step. */
  readonly runningLoss: number;
  /** Mean loss on text held out, nats per token. */
  readonly heldOutLoss: number;
  /** Training time of this run so far, evaluations not counted. */
  readonly seconds: number;
}

/** A finished run. */
export interface TextRecord {
  /** Steps that had been taken before. */
  readonly firstStep: number;
  /** Loss of each step's batch, before the step, nats per token. */
  readonly stepLosses: readonly number[];
  /** The evaluations; the last one is at the end. */
  readonly evaluations: readonly TextEvaluation[];
  /** Mean loss on text held out at the end, nats per token. */
  readonly heldOutLoss: number;
  /** Training time: windows and steps, without evaluations. */
  readonly seconds: number;
  /** Mean time of a step, 0 without any. */
  readonly stepMs: number;
  /** Tokens learned from per second of training time, 0 without any step. */
  readonly tokensPerSecond: number;
}

/**
 * Trains a language model, see {@linkcode createTextJob}.
 *
 * Where the optimizer has a group, each rank calls this with the same options and takes its part of every batch; all
 * have the same record, but for times. The windows of a step depend on the seed and the step alone, so a run that goes on from a checkpoint meets those
 * that an uninterrupted one would have met.
 *
 * @throws {OptionError} When a number is out of range.
 * @throws {DataError | ShapeError} When one of the texts is shorter than a window, or does not fit the model.
 * @throws {NumericalError} When a loss, a gradient or an update is not finite.
 *
 * @example A run that goes on
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { grammarText, splitText } from "@tekfac/tekfac/data";
 * import { createTextJob, trainText } from "@tekfac/tekfac/training";
 *
 * const data = splitText(grammarText({ characters: 2000 }));
 * const vocabulary = data.vocabulary.characters.length;
 * using backend = await createBackend();
 * const sizes = { layers: 1, heads: 2, width: 16, context: 8 };
 * using job = createTextJob(backend, { vocabulary, steps: 4, seed: 1, ...sizes });
 * const run = { ...job, data, batchSize: 4, seed: 1 };
 * await trainText({ ...run, steps: 2 });
 * const { firstStep, stepLosses } = await trainText({ ...run, steps: 4 });
 * assert.deepEqual([firstStep, stepLosses.length], [2, 2]);
 * ```
 */
export async function trainText(options: TrainTextOptions): Promise<TextRecord> {
  const { objective, optimizer, observer, context, data, seed } = options;
  const { steps, batchSize, every, windows } = checked(options);
  const heldOut = consecutiveTokens(data.test, { context, most: windows });
  const { group } = optimizer.options;
  const share = group && { share: { rank: group.rank, ranks: group.size } };
  const firstStep = optimizer.stepCount;
  const stepLosses: number[] = [];
  const evaluations: TextEvaluation[] = [];
  const pause = new Pause();
  let milliseconds = 0;
  const tokensPerSecond = () =>
    milliseconds === 0 ? 0 : 1000 * stepLosses.length * batchSize * context / milliseconds;
  let since = 0;
  const evaluate = async (step: number): Promise<void> => {
    const heldOutLoss = await lossOn(objective, heldOut, step);
    const losses = stepLosses.slice(since);
    since = stepLosses.length;
    const runningLoss = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    const evaluation = { step, runningLoss, heldOutLoss, seconds: milliseconds / 1000 };
    evaluations.push(evaluation);
    await observer?.onEvaluation?.(evaluation);
  };
  for (let step = firstStep; step < steps; step++) {
    const started = performance.now();
    const batch = drawTokens(data.train, { context, size: batchSize, seed, step, ...share });
    const report = await optimizer.step(batch).report();
    milliseconds += performance.now() - started;
    stepLosses.push(report.loss);
    const taken = step + 1;
    observer?.onStep?.({ step: taken, steps, tokensPerSecond: tokensPerSecond(), report });
    if (taken % every === 0 || taken === steps) await evaluate(taken);
    await pause.take();
  }
  const last = evaluations.at(-1);
  return {
    ...{ firstStep, stepLosses, evaluations },
    heldOutLoss: last?.heldOutLoss ?? await lossOn(objective, heldOut, firstStep),
    seconds: milliseconds / 1000,
    stepMs: milliseconds / Math.max(1, stepLosses.length),
    tokensPerSecond: tokensPerSecond(),
  };
}

function checked({ steps, batchSize, evaluateEvery, evaluationWindows }: TrainTextOptions) {
  const subject = "Cannot train";
  const all = checkNumber(subject, "steps", steps, { min: 0, integer: true });
  const count = (name: string, value: number) =>
    checkNumber(subject, name, value, { min: 1, integer: true });
  return {
    steps: all,
    batchSize: count("batchSize", batchSize),
    every: count("evaluateEvery", evaluateEvery ?? Math.max(1, Math.ceil(all / 10))),
    windows: count("evaluationWindows", evaluationWindows ?? 512),
  };
}

async function lossOn(objective: ModelObjective, heldOut: TokenBatch, step: number) {
  const { loss } = await objective.evaluate(heldOut, { microBatch: 64 });
  if (Number.isFinite(loss)) return loss;
  throw new NumericalError(
    `Training diverged: the loss on text held out after step ${step} is ${loss}. Try a smaller ` +
      "learning rate or a larger damping",
    { quantity: "loss", step },
  );
}
