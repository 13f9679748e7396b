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
  muon,
  objective,
  type Optimizer,
  sequential,
  sgd,
  soap,
  tekfac,
  tkfac,
} from "@tekfac/tekfac";
import { median, spread } from "../statistics.ts";
import { type LayerSizes, layerSizes, type Method, METHODS } from "./bounds.ts";
import { batchesFor, type BenchModel, layerSpecs, lossOf } from "./models.ts";
import { cycleOf } from "./cycles.ts";
import {
  averageStep,
  rhythmOf,
  type RhythmOptions,
  ROUND,
  SHORT_ROUND,
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
  readonly kinds: Readonly<Partial<Record<StepKind, number>>>;
  /** Bytes of the optimizer's curvature or moments, without momentum. */
  readonly stateBytes: number;
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

type Build = (
  goal: ModelObjective,
  model: BenchModel,
  rhythm: RhythmOptions,
) => Optimizer<BatchLike>;

const BUILDERS: Readonly<Record<Method, Build>> = {
  sgd: (goal, { sgdRate }) => sgd(goal, { learningRate: sgdRate }),
  adam: (goal) => adam(goal),
  muon: (goal) => muon(goal),
  kfac: (goal, _, rhythm) => kfac(goal, rhythm),
  ekfac: (goal, _, rhythm) => ekfac(goal, rhythm),
  tkfac: (goal, _, rhythm) => tkfac(goal, rhythm),
  tekfac: (goal, _, rhythm) => tekfac(goal, rhythm),
  soap: (goal) => soap(goal, { preconditionFrequency: ROUND.length }),
};

/** What a slow model is timed with: full factors of order 4,608 would take minutes and gigabytes. */
const SLOW_METHODS: readonly Method[] = ["sgd", "ekfac", "tekfac"];

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
  const round = model.slow ? SHORT_ROUND : ROUND;
  const rhythm = rhythmOf(round);
  const runs = (model.slow ? SLOW_METHODS : METHODS).map((method) => {
    const network = stack.use(
      sequential(backend, { input: model.input, layers: layerSpecs(model), seed: 1 }),
    );
    const goal = objective(network, lossOf(model));
    const optimizer = stack.use(BUILDERS[method](goal, model, rhythm));
    const times: Partial<Record<StepKind, number[]>> = {};
    return {
      method,
      goal,
      optimizer,
      times,
      cycle: cycleOf(method, round),
      losses: [] as number[],
    };
  });

  const takeRound = (timed: boolean): void => {
    for (let i = 0; i < round.length; i++) {
      for (const { optimizer, times, cycle, losses } of rotated(runs, i)) {
        const step = optimizer.stepCount;
        const start = performance.now();
        const { loss } = optimizer.stepSync(data[step % data.length]);
        if (timed) (times[cycle.kindOf(step)] ??= []).push(performance.now() - start);
        losses.push(loss);
      }
    }
  };

  takeRound(false);
  const first = runs[0].losses[0];
  for (const { method, goal, losses } of runs) {
    // A few steps do not settle the averages that a normalisation evaluates with.
    const last = model.slow ? losses.at(-1)! : goal.evaluateSync(data[0]).loss;
    checkLosses(method, losses, first, last);
  }
  const end = performance.now() + 1000 * seconds;
  const least = model.slow ? 1 : LEAST_ROUNDS;
  let rounds = 0;
  while (rounds < least || (rounds < MOST_ROUNDS && performance.now() < end)) {
    takeRound(true);
    rounds++;
  }
  const sgdTimes = runs[0].times.ordinary!;
  const sgdMs = median(sgdTimes);
  return {
    times: runs.map(({ method, times, cycle: { shares }, optimizer }) => {
      const kinds = Object.fromEntries(
        Object.entries(times).map(([kind, all]) => [kind, median(all)]),
      ) as Partial<Record<StepKind, number>>;
      const stepMs = averageStep(kinds, shares);
      const stateBytes = 4 * Object.values(optimizer.preconditioner.state)
        .reduce((sum, { rows, cols }) => sum + rows * cols, 0);
      return { method, stepMs, ratioToSgd: stepMs / sgdMs, kinds, stateBytes };
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
