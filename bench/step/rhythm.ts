/**
 * A cycle of the intervals in a few steps.
 *
 * Statistics every 10 steps, bases every 100 and eigenvalues every 10 make a cycle of 100 steps of
 * three kinds. To time a cycle it suffices to time each kind and weigh it by its share, so the benches
 * run rounds of eight steps in which every kind occurs. The default's bases of low rank have no cycle, since their
 * intervals grow; for them it is the kinds' shares among the first 1,000 steps that count.
 *
 * @module
 */

import { dueAt, type DueWork, type Intervals, resolvePlan } from "@tekfac/tekfac/curvature";
import { presets } from "@tekfac/tekfac/optim";

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

/** Steps of the training whose average step is meant where intervals grow on the way. */
export const TRAINING = 1000;

/** What is due in each of its steps, with the default of EKFAC and TEKFAC. */
const DUE: readonly DueWork[] = (() => {
  const { intervals, denseStart } = presets.default;
  const plan = resolvePlan("Cannot count", { intervals, denseStart });
  return Array.from({ length: TRAINING }, (_, step) => dueAt(plan, step, 1));
})();

function shareOf(isDue: (work: DueWork) => boolean): number {
  return DUE.filter(isDue).length / TRAINING;
}

/** The intervals of bases of low rank, the default of EKFAC and TEKFAC, on average. */
export const LOW_RANK_INTERVALS = {
  statistics: 1 / shareOf(({ statistics }) => statistics),
  basis: 1 / shareOf(({ bases }) => bases.length > 0),
  eigenvalues: 1 / shareOf(({ eigenvalues }) => eigenvalues),
} as const;

/** Share of each kind among these steps. */
export const LOW_RANK_SHARES: Readonly<Record<StepKind, number>> = {
  ordinary: shareOf(({ statistics, bases }) => !statistics && bases.length === 0),
  statistics: shareOf(({ statistics, bases }) => statistics && bases.length === 0),
  basis: shareOf(({ bases }) => bases.length > 0),
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

/** One round of a model whose steps take tens of seconds. */
export const SHORT_ROUND: readonly StepKind[] = ["basis", "ordinary", "statistics"];

/** The kind of the step of a number, counted from 0. */
export function kindOf(step: number, round: readonly StepKind[] = ROUND): StepKind {
  return round[step % round.length];
}

/** Steps between SOAP's bases, its default; the benches renew them once a round. */
export const SOAP_FREQUENCY = 10;

/** Share of each kind among SOAP's steps, which all observe. */
export const SOAP_SHARES = { ordinary: 1 - 1 / SOAP_FREQUENCY, basis: 1 / SOAP_FREQUENCY } as const;

/** The kind of a step of SOAP that renews its bases once a round: first in step 1, since step 0 only observes. */
export function soapKindOf(step: number): StepKind {
  return step % ROUND.length === 1 ? "basis" : "ordinary";
}

/** Options of a Kronecker-factored optimizer that make its steps follow the rounds. */
export interface RhythmOptions {
  /** All steps count alike. */
  readonly denseStart: false;
  /** Keeps steps small. */
  readonly annealing: number;
  /** When what is due. */
  readonly intervals: Required<Intervals>;
}

/** The options for a round. */
export function rhythmOf(round: readonly StepKind[]): RhythmOptions {
  // An interval of 1 is due at every step, one longer than the run so far at none but the first.
  const unlessOrdinary = (step: number): number =>
    kindOf(step, round) === "ordinary" ? step + 1 : 1;
  return {
    denseStart: false,
    // Without the dense start, eigenvalues of a single batch deserve small steps only.
    annealing: 0.02,
    intervals: {
      statistics: unlessOrdinary,
      basis: (step) => kindOf(step, round) === "basis" ? 1 : step + 1,
      eigenvalues: unlessOrdinary,
    },
  };
}

/** The options for {@linkcode ROUND}. */
export const RHYTHM: RhythmOptions = rhythmOf(ROUND);

/** The time of an average step of a cycle, from the times of the kinds that have a share in it. */
export function averageStep(
  times: Readonly<Partial<Record<StepKind, number>>>,
  shares: Readonly<Partial<Record<StepKind, number>>> = SHARES,
): number {
  return (Object.keys(shares) as StepKind[])
    .reduce((sum, kind) => sum + shares[kind]! * (times[kind] ?? NaN), 0);
}
