/**
 * The loop: epochs of steps, an evaluation after each, a record of all of it.
 *
 * @module
 */

import { NumericalError } from "../core/errors.ts";
import { BestWeights } from "./best_weights.ts";
import { notLearning } from "./constant_guess.ts";
import { evaluate, type Judgement } from "./evaluate.ts";
import { Pause } from "../core/pause.ts";
import { Run } from "./run.ts";
import type { EpochRecord, TrainingRecord, TrainOptions } from "./train_options.ts";
import { withJudgedWeights } from "./weight_copy.ts";

/**
 * Trains a model and evaluates it after each epoch. {@linkcode fit} does so for those who have neither objective
 * nor optimizer yet.
 *
 * The order of the examples depends on the seed and the epoch alone, so a run that goes on from a
 * checkpoint meets the batches that an uninterrupted one would have met. With early stopping, the model has the
 * weights of the best epoch at the end, but the optimizer has seen the last one: go on with a new optimizer. Where
 * the optimizer keeps averages of the weights, it is them that are evaluated and, with early stopping, left in the
 * model; else `optimizer.withAverage` gives them.
 *
 * Steps wait for each other, on a GPU too, and every tenth of a second for a turn of the event loop, so that pages
 * and Workers answer.
 *
 * Where the optimizer has a group, each rank calls this with the same options, takes its part of every batch
 * (`batchSize` is that of the joined one), and evaluates all. A verdict of an observer that ends the run must be that
 * of all ranks.
 *
 * @throws {OptionError} When `epochs`, `epochsDone`, `batchSize`, `microBatch` or `earlyStopping` is out of range.
 * @throws {ShapeError | DataError} When the data do not fit the model.
 * @throws {NumericalError} When a loss, a gradient or an update is not finite.
 * @throws The reason of the signal, when it is aborted.
 */
export async function train(options: TrainOptions): Promise<TrainingRecord> {
  const { objective, optimizer, data, observer, metrics, earlyStopping } = options;
  const pause = new Pause();
  const run = new Run(options, pause);
  const watch = earlyStopping && new BestWeights(options, earlyStopping);
  const epochs: EpochRecord[] = [];
  const notes: string[] = [];
  const judge = () =>
    withJudgedWeights(optimizer, () => evaluate(options, data.test, metrics, pause));
  const measure = () => evaluate(options, data.train, undefined, pause);
  const learn = () => withJudgedWeights(optimizer, measure);
  const often = options.evaluateTraining === "eachEpoch";
  const initial = often ? { initialLoss: (await learn()).loss } : {};
  let judged: Judgement | undefined;
  let learned: Judgement | undefined;
  let endedBy: TrainingRecord["endedBy"] = "epochs";
  for (let epoch = run.firstEpoch; epoch < options.epochs && endedBy === "epochs"; epoch++) {
    const runningLoss = await run.epoch(epoch);
    judged = await judge();
    if (often) learned = await learn();
    const record = {
      epoch: epoch + 1,
      runningLoss,
      ...(learned === undefined ? {} : { trainLoss: learned.loss }),
      testLoss: judged.loss,
      testAccuracy: judged.accuracy,
      ...metricsOf(judged),
      seconds: run.seconds,
    };
    checkEvaluation("test", judged, options);
    epochs.push(record);
    if (notes.length === 0) {
      const done = { epochs: epochs.length, steps: run.losses.length };
      const note = epochs.length % 3 === 0 ? notLearning(options, runningLoss, done) : undefined;
      if (note !== undefined) {
        notes.push(note);
        observer?.onNote?.(note);
      }
    }
    if (await watch?.look(epoch + 1, judged)) endedBy = "patience";
    if (await observer?.onEpoch?.(record) === false || run.stopped) endedBy = "observer";
  }
  if (watch?.best !== undefined) {
    watch.restore();
    if (watch.best.judgement !== judged) learned = await measure();
    judged = watch.best.judgement;
  }
  judged ??= await judge();
  learned ??= await learn();
  checkEvaluation("training", learned, options);
  await objective.backend.flush();
  const done = { epochs: epochs.length, steps: run.losses.length };
  const nothing = notLearning(options, learned.loss, done) !== undefined;
  return {
    stepLosses: run.losses,
    stepsPerEpoch: run.stepsPerEpoch,
    epochs,
    ...initial,
    trainLoss: learned.loss,
    testLoss: judged.loss,
    testAccuracy: judged.accuracy,
    ...metricsOf(judged),
    ...(nothing ? { didNotLearn: true } as const : {}),
    seconds: run.seconds,
    stepMs: run.losses.length === 0 ? 0 : 1000 * run.seconds / run.losses.length,
    ...(run.firstStepSeconds === undefined ? {} : { firstStepSeconds: run.firstStepSeconds }),
    endedBy,
    ...(watch?.best === undefined ? {} : { bestEpoch: watch.best.epoch }),
    notes,
  };
}

function metricsOf({ metrics }: Judgement): Pick<EpochRecord, "metrics"> {
  return metrics === undefined ? {} : { metrics };
}

function checkEvaluation(
  which: "training" | "test",
  { loss }: Judgement,
  { optimizer: { stepCount: step } }: TrainOptions,
): void {
  if (Number.isFinite(loss)) return;
  throw new NumericalError(
    `Training diverged: the ${which} loss after step ${step} is ${loss}. Try a smaller learning rate ` +
      "or a larger damping",
    { quantity: "loss", step },
  );
}
