/**
 * Steps of all optimizers in turns, so that whatever disturbs the machine disturbs all alike.
 *
 * @module
 */

import {
  adam,
  type Backend,
  type BatchLike,
  ekfac,
  kfac,
  type ModelObjective,
  objective,
  type Optimizer,
  sequential,
  sgd,
  tekfac,
  tkfac,
} from "@tekfac/tekfac";
import { median, spread } from "../statistics.ts";
import { type LayerSizes, layerSizes, type Method, METHODS } from "./bounds.ts";
import { batchesFor, type BenchModel, layerSpecs, lossOf } from "./models.ts";
import {
  averageStep,
  kindOf,
  LOW_RANK_SHARES,
  RHYTHM,
  ROUND,
  SHARES,
  type StepKind,
} from "./rhythm.ts";

/** Medians of one optimizer. */
export interface StepTimes {
  /** The optimizer. */
  readonly method: Method;
  /** Milliseconds of an average step of a cycle. */
  readonly stepMs: number;
  /** The same over SGD's. */
  readonly ratioToSgd: number;
  /** Milliseconds of each kind of step. */
  readonly kinds: Readonly<Record<StepKind, number>>;
}

/** A model's steps at one size of batches. */
export interface StepMeasurement {
  /** One per optimizer, SGD first. */
  readonly times: readonly StepTimes[];
  /** How far SGD's steps, which are all alike, scatter. */
  readonly scatter: number;
  /** Rounds that were timed. */
  readonly rounds: number;
  /** Sizes of the model's layers. */
  readonly layers: readonly LayerSizes[];
}

/** More rounds than this overfit the few batches there are, and tell nothing new. */
const MOST_ROUNDS = 12;

/** Fewer give no median of the rarest kind. */
const LEAST_ROUNDS = 3;

type Build = (goal: ModelObjective, model: BenchModel) => Optimizer<BatchLike>;

const BUILDERS: Readonly<Record<Method, Build>> = {
  sgd: (goal, { sgdRate }) => sgd(goal, { learningRate: sgdRate }),
  adam: (goal) => adam(goal),
  kfac: (goal) => kfac(goal, RHYTHM),
  ekfac: (goal) => ekfac(goal, RHYTHM),
  tkfac: (goal) => tkfac(goal, RHYTHM),
  tekfac: (goal) => tekfac(goal, RHYTHM),
};

/**
 * Times a model's steps with every optimizer.
 *
 * The first round warms up and is checked: all start from the same weights and must report the same
 * first loss; losses must be finite, and that of the first batch must have gone down.
 *
 * @param backend Where all copies of the model live; what they allocate is given back.
 * @param model The model.
 * @param batchSize Examples of each step.
 * @param seconds After which no further round is begun, if there have been three.
 * @throws {Error} When a loss is not what it should be.
 */
export function measureSteps(
  backend: Backend,
  model: BenchModel,
  batchSize: number,
  seconds: number,
): StepMeasurement {
  using stack = new DisposableStack();
  const data = batchesFor(model, batchSize);
  const runs = METHODS.map((method) => {
    const network = stack.use(
      sequential(backend, { input: model.input, layers: layerSpecs(model), seed: 1 }),
    );
    const goal = objective(network, lossOf(model));
    const optimizer = stack.use(BUILDERS[method](goal, model));
    const times: Record<StepKind, number[]> = { ordinary: [], statistics: [], basis: [] };
    return { method, goal, optimizer, times, losses: [] as number[] };
  });

  const takeRound = (timed: boolean): void => {
    for (let i = 0; i < ROUND.length; i++) {
      for (const { optimizer, times, losses } of rotated(runs, i)) {
        const step = optimizer.stepCount;
        const start = performance.now();
        const { loss } = optimizer.stepSync(data[step % data.length]);
        if (timed) times[kindOf(step)].push(performance.now() - start);
        losses.push(loss);
      }
    }
  };

  takeRound(false);
  const first = runs[0].losses[0];
  for (const { method, goal, losses } of runs) {
    checkLosses(method, losses, first, goal.evaluateSync(data[0]).loss);
  }
  const end = performance.now() + 1000 * seconds;
  let rounds = 0;
  while (rounds < LEAST_ROUNDS || (rounds < MOST_ROUNDS && performance.now() < end)) {
    takeRound(true);
    rounds++;
  }
  const sgdTimes = Object.values(runs[0].times).flat();
  const sgdMs = median(sgdTimes);
  return {
    times: runs.map(({ method, times }) => {
      // Steps without curvature are all of one kind: the more samples, the better the median.
      const all = method === "sgd" || method === "adam" ? Object.values(times).flat() : undefined;
      const kinds = {
        ordinary: median(all ?? times.ordinary),
        statistics: median(all ?? times.statistics),
        basis: median(all ?? times.basis),
      };
      const isLowRank = method === "ekfac" || method === "tekfac";
      const stepMs = averageStep(kinds, isLowRank ? LOW_RANK_SHARES : SHARES);
      return { method, stepMs, ratioToSgd: stepMs / sgdMs, kinds };
    }),
    scatter: spread(sgdTimes),
    rounds,
    layers: layerSizes(runs[0].goal.parameters),
  };
}

/** The items in the same circle, from another start: nobody always runs after the same neighbour's turn. */
function rotated<T>(items: readonly T[], start: number): T[] {
  const from = start % items.length;
  return [...items.slice(from), ...items.slice(0, from)];
}

/**
 * Throws unless the losses start at `first`, stay finite, and the first batch has become better by
 * the end: `last` is its loss then.
 */
function checkLosses(method: Method, losses: readonly number[], first: number, last: number): void {
  const fail = (what: string): never => {
    throw new Error(`Wrong steps of ${method}: ${what} (losses ${losses.join(", ")})`);
  };
  if (!losses.every(Number.isFinite)) fail("a loss is not finite");
  // Sums may be ordered differently on several threads, so equal only up to rounding.
  if (Math.abs(losses[0] / first - 1) > 1e-5) fail(`expected a first loss of ${first}`);
  if (!(last < first)) fail(`the first batch's loss went from ${first} to ${last}`);
}
