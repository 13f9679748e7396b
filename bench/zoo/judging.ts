/**
 * One row from beginning to end: every contender and every rival with every seed, then the verdicts.
 *
 * @module
 */

import { type Contender, type Judged, judged, type PlainOptions } from "./contenders.ts";
import type { Lab } from "./lab.ts";
import type { Runs, Verdict, ZooRow } from "./row.ts";
import { diverged, type Trace } from "./training.ts";
import { tracesOf } from "./verdict.ts";

/** What is asked of a row. */
export interface Question {
  /** Who is judged. */
  readonly optimizers: readonly Judged[];
  /** Options of those who are judged, besides the annealing. */
  readonly options: PlainOptions;
  /** Seeds; the row's own number when `undefined`. */
  readonly seeds: number | undefined;
  /** Whether there is anybody to compare with. */
  readonly rivals: boolean;
}

/** One line of the table. */
export interface Line extends Verdict {
  /** Name of the row. */
  readonly row: string;
  /** What the values are. */
  readonly quantity: string;
  /** Who was judged. */
  readonly optimizer: string;
  /** Largest ratio of two losses in succession. */
  readonly worst: number;
  /** Runs, and those among them that diverged. */
  readonly runs: number;
  /** See above. */
  readonly divergences: number;
  /** Seconds of training, evaluations not counted. */
  readonly seconds: number;
  /** All that was seen of the contender and its rivals. */
  readonly details: readonly Runs[];
}

/** Runs a row. */
export async function judgeRow(lab: Lab, row: ZooRow, question: Question): Promise<Line[]> {
  const seeds = Array.from({ length: question.seeds ?? row.seeds }, (_, i) => i + 1);
  const runsOf = async (contender: Contender): Promise<Runs> => {
    const runs = [];
    for (const seed of seeds) runs.push(await row.measure(lab, contender, seed));
    return { contender, runs };
  };
  const rivals: Runs[] = [];
  for (const rival of question.rivals ? row.rivals(question.options) : []) {
    rivals.push(await runsOf(rival));
  }
  const lines: Line[] = [];
  for (const method of question.optimizers) {
    const own = await runsOf(judged(method, question.options));
    const traces = tracesOf(own);
    lines.push({
      ...row.judge(own, rivals),
      row: row.name,
      quantity: row.quantity,
      optimizer: method,
      worst: Math.max(...traces.map(({ worst }) => worst)),
      runs: traces.length,
      divergences: traces.filter(diverged).length,
      seconds: secondsOf(traces),
      details: [own, ...rivals],
    });
  }
  return lines;
}

function secondsOf(traces: readonly Trace[]): number {
  return traces.reduce((sum, { seconds }) => sum + seconds, 0);
}
