/**
 * Who takes part: TEKFAC and its relatives as they come, and AdamW at the rates people try first.
 *
 * @module
 */

import {
  adam,
  type AdamOptions,
  cosine,
  ekfac,
  type EkfacOptions,
  kfac,
  type KfacOptions,
  type Objective,
  type Optimizer,
  soap,
  type SoapOptions,
  tekfac,
  type TekfacOptions,
  tkfac,
  type TkfacOptions,
} from "@tekfac/tekfac";

/** Optimizers that can be judged. */
export const JUDGED = ["tekfac", "ekfac", "kfac", "tkfac", "soap"] as const;

/** One of {@linkcode JUDGED}. */
export type Judged = typeof JUDGED[number];

/** Options as plain data, so that they can be sent to a worker. */
export type PlainOptions = Readonly<Record<string, unknown>>;

/** An optimizer with its settings. */
export interface Contender {
  /** As the table names it: `"tekfac"`, `"adam 3e-3"`. */
  readonly name: string;
  /** Which optimizer. */
  readonly method: Judged | "adam";
  /** What is set besides the annealing. */
  readonly options: PlainOptions;
  /** Examples of a step, where they are not the row's. */
  readonly batch?: number;
}

/** Rates of AdamW: its usual one, and three and ten times that. */
const ADAM_RATES = [1e-3, 3e-3, 1e-2] as const;

/** AdamW at a rate, with the decay that other libraries preset. */
export function adamw(learningRate: number): Contender {
  return {
    name: `adam ${learningRate.toExponential()}`,
    method: "adam",
    options: { learningRate, weightDecay: { kind: "decoupled", value: 1e-2 } },
  };
}

/** AdamW at each of its rates. */
export const ADAMS: readonly Contender[] = ADAM_RATES.map(adamw);

/** An optimizer as it comes, but for options of an experiment. */
export function judged(method: Judged, options: PlainOptions = {}): Contender {
  return { name: method, method, options };
}

/**
 * Creates a contender's optimizer.
 *
 * @param goal What it minimises.
 * @param contender Which, and what is set.
 * @param steps Length of the cosine that anneals it; constant where there is none.
 */
export function create<B>(
  goal: Objective<B>,
  { method, options }: Contender,
  steps: number | undefined,
): Optimizer<B> {
  const all = { ...(steps === undefined ? {} : { annealing: cosine(steps) }), ...options };
  // The options came from a command line: the optimizers check them.
  switch (method) {
    case "tekfac":
      return tekfac(goal, all as TekfacOptions);
    case "ekfac":
      return ekfac(goal, all as EkfacOptions);
    case "kfac":
      return kfac(goal, all as KfacOptions);
    case "tkfac":
      return tkfac(goal, all as TkfacOptions);
    case "soap":
      return soap(goal, all as SoapOptions);
    case "adam":
      return adam(goal, all as AdamOptions);
  }
}
