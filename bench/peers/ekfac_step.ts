/**
 * The same EKFAC step here and in PyTorch: same model, same weights, same batches, same intervals.
 *
 * `ekfac_step.py` does what `ekfac()` does.
 *
 * @module
 */

import {
  type Backend,
  type BatchLike,
  ekfac,
  objective,
  type Parameter,
  sequential,
} from "@tekfac/tekfac";
import { readWeightsSync } from "@tekfac/tekfac/nn";
import type { KroneckerOptions } from "@tekfac/tekfac/optim";
import { median, spread } from "../statistics.ts";
import { layerSizes, stepOperations } from "../step/bounds.ts";
import { batchesFor, type BenchModel, layerSpecs, lossOf } from "../step/models.ts";
import { averageStep, INTERVALS, kindOf, RHYTHM, ROUND, type StepKind } from "../step/rhythm.ts";
import type { Outcome } from "./compare.ts";
import { Exchange, findPython, PythonProcess } from "./python_process.ts";

/** What `ekfac_step.py` answers to a step. */
interface TheirStep {
  readonly loss: number;
  readonly milliseconds: number;
}

type Times = Record<StepKind, number[]>;

/** Rounds that are timed, after one that is checked. */
const MOST_ROUNDS = 8;

/** Fewer give no median of the rarest kind. */
const LEAST_ROUNDS = 3;

/** Losses of eight steps of two programs that round differently agree to this share. */
const LOSS_TOLERANCE = 5e-3;

/**
 * Compares EKFAC steps, in turns; both sides report the average of a cycle of the intervals
 * 10 / 100 / 10, from medians of its three kinds of steps.
 *
 * @param backend Where our model lives.
 * @param model The model.
 * @param batchSize Examples of each step.
 * @param threads Threads of PyTorch and of its BLAS.
 * @param peak Measures the peak of one thread once, in GFLOP/s.
 * @param seconds Time after which no further round is begun, if there have been three.
 */
export async function compareEkfacSteps(
  backend: Backend,
  model: BenchModel,
  batchSize: number,
  threads: number,
  peak: () => number,
  seconds: number,
): Promise<Outcome> {
  const command = await findPython("numpy", "torch");
  if (command === undefined) return "not installed";
  using exchange = new Exchange();
  using network = sequential(backend, { input: model.input, layers: layerSpecs(model), seed: 1 });
  using optimizer = ekfac(objective(network, lossOf(model)), { ...RHYTHM, ...AS_THE_PEER });
  const data = batchesFor(model, batchSize);
  const theirs = new PythonProcess(command, "ekfac_step.py", [String(threads)]);
  try {
    const { name, unable } = await theirs.ask<{ name: string; unable?: string }>(
      setup(backend, model, network.parameters, data, exchange),
    );
    if (unable !== undefined) return unable;
    const takeRound = async (ourTimes: Times, theirTimes: Times): Promise<number[]> => {
      const disagreements: number[] = [];
      for (let i = 0; i < ROUND.length; i++) {
        const { stepCount } = optimizer;
        const [batch, kind] = [stepCount % data.length, kindOf(stepCount)];
        const start = performance.now();
        const { loss } = optimizer.stepSync(data[batch]);
        ourTimes[kind].push(performance.now() - start);
        const step = await theirs.ask<TheirStep>({ batch, kind });
        theirTimes[kind].push(step.milliseconds);
        disagreements.push(Math.abs(step.loss / loss - 1));
      }
      return disagreements;
    };

    const worst = Math.max(...await takeRound(noTimes(), noTimes()));
    // Written so that NaN is an error.
    if (!(worst <= LOSS_TOLERANCE)) return `losses differ by ${(100 * worst).toPrecision(2)} %`;
    const [ourTimes, theirTimes] = [noTimes(), noTimes()];
    let limit = 0;
    const end = performance.now() + 1000 * seconds;
    for (let i = 0; i < MOST_ROUNDS && (i < LEAST_ROUNDS || performance.now() < end); i++) {
      await takeRound(ourTimes, theirTimes);
      limit = Math.max(limit, peak());
    }
    const [oursMs, peerMs] = [ourTimes, theirTimes].map(averageOfMedians);
    const layers = layerSizes(network.parameters);
    const operations = stepOperations("ekfac", layers, batchSize, INTERVALS);
    const gflops = operations / oursMs / 1e6;
    return {
      row: {
        work: `EKFAC step, ${model.name}, batch ${batchSize}, ${threads} thread${
          threads === 1 ? "" : "s"
        } each`,
        oursMs,
        peer: name,
        peerMs,
        ratio: peerMs / oursMs,
        gflops,
        shareOfPeak: gflops / limit,
      },
      scatter: spread(ourTimes.ordinary),
    };
  } finally {
    await theirs.close();
  }
}

/** EKFAC as `ekfac_step.py` has it: full bases, all of the batch's own targets, the clip by assumed curvature. */
const AS_THE_PEER: KroneckerOptions = {
  preset: "paper",
  learningRate: 1,
  momentum: { on: "gradient", value: 0.9 },
  damping: { kind: "relative", tau: 1 },
  klClip: { kind: "lossRelative", kappa: 1e-2 },
};

/** The first line that `ekfac_step.py` expects. */
function setup(
  backend: Backend,
  model: BenchModel,
  parameters: readonly Parameter[],
  data: readonly BatchLike[],
  exchange: Exchange,
): Readonly<Record<string, unknown>> {
  return {
    layers: model.layers,
    weights: parameters.map((p) => exchange.write(readWeightsSync(backend, p))),
    loss: model.loss,
    annealing: RHYTHM.annealing,
    shape: model.input,
    batches: data.map(({ inputs, targets }) => ({
      inputs: exchange.write(inputs),
      targets: exchange.write(targets),
    })),
  };
}

function noTimes(): Times {
  return { ordinary: [], statistics: [], basis: [] };
}

function averageOfMedians({ ordinary, statistics, basis }: Times): number {
  return averageStep({
    ordinary: median(ordinary),
    statistics: median(statistics),
    basis: median(basis),
  });
}
