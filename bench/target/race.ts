/**
 * The best AdamW run once more, and TEKFAC's runs, turn by turn: whatever disturbs the machine disturbs all.
 *
 * @module
 */

import { spread } from "../statistics.ts";
import { judged } from "../zoo/contenders.ts";
import type { Lab } from "../zoo/lab.ts";
import { type Mark, PacedRun, type RunSettings } from "./run.ts";
import type { Found } from "./search.ts";
import type { Problem, TargetTask } from "./task.ts";

/** A run, and where it reached the target. */
export interface Arrival {
  /** How it was set. */
  readonly settings: RunSettings;
  /** The end of the first epoch at which the target was reached, or `undefined`. */
  readonly mark: Mark | undefined;
  /** The lowest value at the end of an epoch, for runs that never reach it. */
  readonly lowest: number;
}

/** Who arrived when. */
export interface Race {
  /** AdamW. */
  readonly rival: Arrival;
  /** TEKFAC with each length of its schedule, the shortest first. */
  readonly own: readonly Arrival[];
  /** The one among them that arrived first, in seconds; the one that came closest where none arrived. */
  readonly best: Arrival;
  /** How far AdamW's steps, which are all alike, scatter from turn to turn; 1 where turns are too short. */
  readonly scatter: number;
}

/** TEKFAC may have so much of AdamW's epochs: a shorter cosine ends sooner, if it still arrives. */
const SHARES = [1 / 3, 1 / 2, 2 / 3, 1];

/** Milliseconds of a turn. */
const TURN = 250;

/** Steps that let the compiler see everything there is in a run before it is timed. */
const WARM_UP_MS = 500;

/** Runs until everyone has arrived or is at the end. */
export function race(
  lab: Lab,
  task: TargetTask,
  problem: Problem,
  { settings, value }: Found,
): Race {
  using stack = new DisposableStack();
  const lengths = new Set(SHARES.map((share) => Math.max(1, Math.round(share * settings.epochs))));
  const ours = [...lengths].map((epochs): RunSettings => ({
    ...{ contender: judged("tekfac"), batch: task.batch, epochs, seed: settings.seed },
  }));
  for (const warmUp of [settings, ours[0]]) {
    using run = new PacedRun(lab, task, problem, warmUp);
    run.advance(WARM_UP_MS);
  }
  const runs = [settings, ...ours].map((each) => stack.use(new PacedRun(lab, task, problem, each)));
  const isOn = (run: PacedRun) => !run.finished && reached(run, value) === undefined;
  for (let on = runs.filter(isOn); on.length > 0; on = runs.filter(isOn)) {
    for (const run of on) run.advance(TURN);
  }
  const [rival, ...own] = runs.map((run): Arrival => ({
    settings: run.settings,
    mark: reached(run, value),
    lowest: Math.min(...run.marks.map((mark) => mark.value)),
  }));
  const best = own.toSorted((a, b) => secondsOf(a) - secondsOf(b) || a.lowest - b.lowest)[0];
  const { paces } = runs[0];
  return { rival, own, best, scatter: paces.length > 1 ? spread(paces) : 1 };
}

function reached({ marks }: PacedRun, target: number): Mark | undefined {
  return marks.find(({ value }) => value <= target);
}

/** Later than any number where it never arrived. */
function secondsOf({ mark }: Arrival): number {
  return mark?.seconds ?? Number.MAX_VALUE;
}
