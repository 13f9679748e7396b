/**
 * A cycle of the intervals in a few steps.
 *
 * Statistics every 10 steps, bases every 100 and eigenvalues every 10 make a cycle of 100 steps of
 * three kinds. To time a cycle it suffices to time each kind and weigh it by its share, so the benches
 * run rounds of eight steps in which every kind occurs. Bases of low rank have a cycle of their own, of 10
 * steps, with the same kinds.
 *
 * @module
 */

import type { Intervals } from "@tekfac/tekfac/curvature";

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

/** The intervals of bases of low rank, the default of EKFAC and TEKFAC. */
export const LOW_RANK_INTERVALS = { statistics: 2, basis: 10, eigenvalues: 2 } as const;

/** Share of each kind among the 10 steps of their cycle. */
export const LOW_RANK_SHARES: Readonly<Record<StepKind, number>> = {
  ordinary: 0.5,
  statistics: 0.4,
  basis: 0.1,
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
  readonly intervals: Required<Intervals>;
} = {
  denseStart: false,
  // Without the dense start, eigenvalues of a single batch deserve small steps only.
  annealing: 0.02,
  // An interval of 1 is due at every step, one longer than the run so far at none but the first.
  intervals: {
    statistics: (step) => kindOf(step) === "ordinary" ? step + 1 : 1,
    basis: (step) => kindOf(step) === "basis" ? 1 : step + 1,
    eigenvalues: (step) => kindOf(step) === "ordinary" ? step + 1 : 1,
  },
};

/** The time of an average step of a cycle, from the times of the kinds. */
export function averageStep(
  times: Readonly<Record<StepKind, number>>,
  shares: Readonly<Record<StepKind, number>> = SHARES,
): number {
  return (Object.keys(shares) as StepKind[])
    .reduce((sum, kind) => sum + shares[kind] * times[kind], 0);
}
