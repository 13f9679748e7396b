/**
 * A cycle of the intervals in a few steps.
 *
 * Statistics every 10 steps, bases every 100 and eigenvalues every 10 make a cycle of 100 steps of
 * three kinds. To time a cycle it suffices to time each kind and weigh it by its share, so the benches
 * run rounds of eight steps in which every kind occurs.
 *
 * @module
 */

import type { Intervals } from "@tekfac/tekfac";

/** The intervals that the benches stand for. */
export const INTERVALS = { statistics: 10, basis: 100, eigenvalues: 10 } as const;

/** What is due in a step: nothing; statistics and eigenvalues; both and the bases. */
export type StepKind = "ordinary" | "statistics" | "basis";

/** Share of each kind among the 100 steps of a cycle. */
export const SHARES: Readonly<Record<StepKind, number>> = {
  ordinary: 0.9,
  statistics: 0.09,
  basis: 0.01,
};

/** One round. Statistics come between bases, so that no basis is renewed that has hardly moved. */
export const ROUND: readonly StepKind[] = [
  "basis",
  "ordinary",
  "statistics",
  "ordinary",
  "ordinary",
  "statistics",
  "ordinary",
  "statistics",
];

/** The kind of the step of a number, counted from 0. */
export function kindOf(step: number): StepKind {
  return ROUND[step % ROUND.length];
}

/** Options of a Kronecker-factored optimizer that make its steps follow the rounds. */
export const RHYTHM: {
  readonly denseStart: false;
  readonly annealing: number;
  readonly dampingAdaptation: false;
  readonly intervals: Required<Intervals>;
} = {
  denseStart: false,
  // Without the dense start, eigenvalues of a single batch deserve small steps only.
  annealing: 0.02,
  // A trial step every tenth step is of no kind here: it would fall into the medians of none.
  dampingAdaptation: false,
  // An interval of 1 is due at every step, one longer than the run so far at none but the first.
  intervals: {
    statistics: (step) => kindOf(step) === "ordinary" ? step + 1 : 1,
    basis: (step) => kindOf(step) === "basis" ? 1 : step + 1,
    eigenvalues: (step) => kindOf(step) === "ordinary" ? step + 1 : 1,
  },
};

/** The time of an average step of a cycle, from the times of the kinds. */
export function averageStep(times: Readonly<Record<StepKind, number>>): number {
  return (Object.keys(SHARES) as StepKind[])
    .reduce((sum, kind) => sum + SHARES[kind] * times[kind], 0);
}
