/**
 * AdamW with its best setting and TEKFAC, each along cosines of several lengths, turn by turn: whatever disturbs
 * the machine disturbs all.
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

/** One optimizer's runs. */
export interface Side {
  /** One for each length of the schedule, the shortest first. */
  readonly runs: readonly Arrival[];
  /** The one among them that arrived first, in seconds; the one that came closest where none arrived. */
  readonly best: Arrival;
}

/** Who arrived when. */
export interface Race {
  /** AdamW. */
  readonly rival: Side;
  /** TEKFAC. */
  readonly own: Side;
  /** How far AdamW's steps, which are all alike, scatter from turn to turn; 1 where turns are too short. */
  readonly scatter: number;
}

/** Shares of the search's epochs: a shorter cosine ends sooner, if it still arrives. */
const SHARES = [1 / 3, 1 / 2, 2 / 3, 1];

/** Milliseconds of a turn. */
const TURN = 250;

/** Steps that let the compiler see everything there is in a run before it is timed. */
const WARM_UP_MS = 500;

/** Runs until everyone has arrived, is at the end, or cannot be the first of its side any more. */
export function race(
  lab: Lab,
  task: TargetTask,
  problem: Problem,
  { settings, value }: Found,
): Race {
  using stack = new DisposableStack();
  const lengths = [
    ...new Set(SHARES.map((share) => Math.max(1, Math.round(share * settings.epochs)))),
  ];
  const { seed } = settings;
  const ours = { contender: judged("tekfac"), batch: task.batch, seed };
  const [rivalSettings, ownSettings] = [settings, ours]
    .map((base) => lengths.map((epochs): RunSettings => ({ ...base, epochs })));
  for (const warmUp of [rivalSettings[0], ownSettings[0]]) {
    using run = new PacedRun(lab, task, problem, warmUp);
    run.advance(WARM_UP_MS);
  }
  const sides = [rivalSettings, ownSettings].map((all) =>
    all.map((each) => stack.use(new PacedRun(lab, task, problem, each)))
  );
  const stillOn = (side: readonly PacedRun[]): PacedRun[] => {
    const first = Math.min(...side.map((run) => reached(run, value)?.seconds ?? Infinity));
    return side.filter((run) =>
      !run.finished && reached(run, value) === undefined && run.seconds < first
    );
  };
  for (let on = sides.flatMap(stillOn); on.length > 0; on = sides.flatMap(stillOn)) {
    for (const run of on) run.advance(TURN);
  }
  const [rival, own] = sides.map((side) => sideOf(side, value));
  const paces = sides[0].flatMap((run) => run.paces);
  return { rival, own, scatter: paces.length > 1 ? spread(paces) : 1 };
}

function sideOf(side: readonly PacedRun[], target: number): Side {
  const runs = side.map((run): Arrival => ({
    settings: run.settings,
    mark: reached(run, target),
    lowest: Math.min(...run.marks.map(({ value }) => value)),
  }));
  const best = runs.toSorted((a, b) => secondsOf(a) - secondsOf(b) || a.lowest - b.lowest)[0];
  return { runs, best };
}

function reached({ marks }: PacedRun, target: number): Mark | undefined {
  return marks.find(({ value }) => value <= target);
}

/** Later than any number where it never arrived. */
function secondsOf({ mark }: Arrival): number {
  return mark?.seconds ?? Number.MAX_VALUE;
}
