/**
 * Averages over steps, `X <- beta X + (1 - beta) new` (Gao et al. 2020, eq. 3.6-3.8).
 *
 * @module
 */

/**
 * How the sum over the examples of one micro-batch enters an average:
 * `X = decay * X + scale * sum over examples`.
 */
export interface Observation {
  /** Weight of the average so far; 1 for the second and later micro-batches of one observation. */
  readonly decay: number;
  /** Weight of the sum: (1 - beta) over the number of examples of the whole observation. */
  readonly scale: number;
}

/**
 * How an average begins:
 * - `corrected`: as the mean of what there is, `beta_k = min(1 - 1/k, beta)` at observation k (Martens & Grosse
 *   2015, section 5);
 * - `seeded`: by its first observation, which then weighs `beta^(k - 1)` for long (the papers' way).
 */
export type Averaging = "corrected" | "seeded";

/** `min(1 - 1/k, beta)` after `count = k - 1` observations: the weight of the past in a corrected average. */
export function correctedDecay(count: number, beta: number): number {
  return Math.min(1 - 1 / (count + 1), beta);
}

/**
 * The bookkeeping of one average: how many observations and examples it has seen. The numbers live elsewhere.
 *
 * @example Two observations of four examples each, the second in two micro-batches
 * ```ts
 * import assert from "node:assert/strict";
 * import { MovingAverage } from "@tekfac/tekfac/curvature";
 *
 * const average = new MovingAverage("corrected");
 * assert.equal(correctedDecay(0, 0.5), 0);
 * assert.deepEqual(average.observe(0.5, 4), { decay: 0, scale: 1 / 4 });
 * const part = average.observe(0.5, 4);
 * assert.deepEqual(part, { decay: 0.5, scale: 1 / 8 });
 * assert.deepEqual(continued(part), { decay: 1, scale: 1 / 8 });
 * assert.equal(average.examples, 8); // all weigh the same
 * ```
 */
export class MovingAverage {
  /** Observations so far. */
  count = 0;
  /**
   * Examples that it is made of, `1 / sum w_n^2` of their weights w_n: as many of equal weight would know as much
   * (Kish 1965, design effects of weights). 0 before the first.
   */
  examples = 0;
  readonly #averaging: Averaging;

  /** An average without observations. */
  constructor(averaging: Averaging) {
    this.#averaging = averaging;
  }

  /** Notes both; the result puts them back. */
  mark(): () => void {
    const { count, examples } = this;
    return () => this.restore(count, examples);
  }

  /** Goes on where another average stood. */
  restore(count: number, examples: number): void {
    this.count = count;
    this.examples = examples;
  }

  /**
   * Counts an observation and returns how its first micro-batch enters.
   *
   * @param beta Weight of the past, in [0, 1); without effect on the first observation.
   * @param examples Examples of the whole observation, > 0.
   */
  observe(beta: number, examples: number): Observation {
    const seeded = this.count === 0 ? 0 : beta;
    const decay = this.#averaging === "seeded" ? seeded : correctedDecay(this.count, beta);
    this.count++;
    const kept = decay === 0 ? 0 : decay ** 2 / this.examples;
    this.examples = 1 / (kept + (1 - decay) ** 2 / examples);
    return { decay, scale: (1 - decay) / examples };
  }
}

/** How the later micro-batches of the same observation enter. */
export function continued(observation: Observation): Observation {
  return { decay: 1, scale: observation.scale };
}
