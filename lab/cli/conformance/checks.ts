/**
 * Comparisons with golden numbers, and how far each may be off.
 *
 * @module
 */

/** Kinds of quantities, by how errors grow on the way to them. */
export type Quantity = "statistics" | "spectrum" | "update" | "trajectory";

/** Largest relative error of each kind of quantity. */
export type Allowances = Readonly<Record<Quantity, number>>;

/**
 * What a backend's precision allows: sums over examples in float32 are good to a few ulp of the largest
 * entry; eigenvalues, and what is measured in an eigenbasis, to some more; an update divides by
 * eigenvalues near the damping, so that its allowance is to be scaled with the damping's inverse.
 *
 * @param roundoff Unit roundoff of the backend.
 */
export function allowancesOf(roundoff: number): Allowances {
  return roundoff < 1e-12
    ? { statistics: 1e-9, spectrum: 1e-9, update: 1e-9, trajectory: 1e-8 }
    : { statistics: 3e-6, spectrum: 1e-5, update: 3e-4, trajectory: 2e-5 };
}

/** One comparison. */
export interface Check {
  /** What was compared: `"PhiRaw"`, `"tekfac update at lambda 0.1"`. */
  readonly what: string;
  /** Largest error relative to the scale; Infinity where a number is not finite or missing. */
  readonly error: number;
  /** Largest error that passes. */
  readonly allowance: number;
}

/** Share of its allowance that a check used; more than 1 is a failure. */
export function shareOf(check: Check): number {
  return check.error / check.allowance;
}

/** The comparisons of one case. */
export class Checks {
  /** All comparisons so far. */
  readonly list: Check[] = [];
  /** Remarks for the reader, such as what was not compared and why. */
  readonly notes: string[] = [];
  readonly #allowances: Allowances;

  /** Starts with none. */
  constructor(allowances: Allowances) {
    this.#allowances = allowances;
  }

  /**
   * Compares numbers.
   *
   * @param quantity Which allowance holds.
   * @param what What is compared, for the report.
   * @param actual What the library says.
   * @param expected What it should say.
   * @param options `scale`: what errors are relative to, by default the largest expected magnitude
   * (1 where all are 0); `slack`: factor of the allowance, by default 1.
   */
  compare(
    quantity: Quantity,
    what: string,
    actual: ArrayLike<number>,
    expected: ArrayLike<number>,
    options: { readonly scale?: number; readonly slack?: number } = {},
  ): void {
    let [worst, largest] = [actual.length === expected.length ? 0 : Infinity, 0];
    for (let i = 0; i < expected.length; i++) {
      const difference = Math.abs(actual[i] - expected[i]);
      worst = Number.isFinite(difference) ? Math.max(worst, difference) : Infinity;
      largest = Math.max(largest, Math.abs(expected[i]));
    }
    const error = worst / ((options.scale ?? largest) || 1);
    this.list.push({
      what,
      error,
      allowance: this.#allowances[quantity] * (options.slack ?? 1),
    });
  }

  /** The comparison that used the largest share of its allowance, if there was any. */
  get worst(): Check | undefined {
    return this.list.reduce<Check | undefined>(
      (worst, check) => worst === undefined || shareOf(check) > shareOf(worst) ? check : worst,
      undefined,
    );
  }
}
