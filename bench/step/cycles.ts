/**
 * Which kinds of steps each optimizer takes, and how often.
 *
 * @module
 */

import type { Method } from "./bounds.ts";
import {
  kindOf,
  LOW_RANK_SHARES,
  SHARES,
  SOAP_SHARES,
  soapKindOf,
  type StepKind,
} from "./rhythm.ts";

/** The kinds of one optimizer's steps. */
export interface Cycle {
  /** The kind of a step of the bench. */
  readonly kindOf: (step: number) => StepKind;
  /** Share of each kind among the steps of a training. */
  readonly shares: Readonly<Partial<Record<StepKind, number>>>;
}

/** The steps of a method in rounds. */
export function cycleOf(method: Method, round: readonly StepKind[]): Cycle {
  switch (method) {
    case "sgd":
    case "adam":
    case "muon":
      // All of one kind: the more samples, the better the median.
      return { kindOf: () => "ordinary", shares: { ordinary: 1 } };
    case "soap":
      return { kindOf: soapKindOf, shares: SOAP_SHARES };
    case "kfac":
    case "tkfac":
      return { kindOf: (step) => kindOf(step, round), shares: SHARES };
    case "ekfac":
    case "tekfac":
      return { kindOf: (step) => kindOf(step, round), shares: LOW_RANK_SHARES };
  }
}
