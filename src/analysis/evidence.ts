/**
 * How precise a prior and how large a noise the examples themselves speak for: the marginal likelihood of Laplace's
 * approximation (MacKay 1992, "A practical Bayesian framework for backpropagation networks").
 *
 * @module
 */

/** Weights with a prior precision of their own. */
export interface PriorGroup {
  /** Eigenvalues of their mean curvature, >= 0. */
  readonly eigenvalues: Float64Array;
  /** `|w|^2`. */
  readonly squaredNorm: number;
}

/** What is known of the examples. */
export interface EvidenceFacts {
  /** N. */
  readonly examples: number;
  /** Mean loss at the weights. */
  readonly loss: number;
  /**
   * Of targets that are numbers: K numbers per example, and the variance v with which the loss is minus the logarithm
   * of a normal density, up to a constant; absent for classes.
   */
  readonly numbers?: { readonly count: number; readonly variance: number } | undefined;
}

/** Precisions of the groups' priors, and the variance of the noise where targets are numbers. */
export interface Hyperparameters {
  /** One per group, > 0. */
  readonly precisions: readonly number[];
  /** sigma^2; 1 of the loss's own for classes. */
  readonly noiseVariance: number;
}

/** How much more a loss counts than its own unit: v / sigma^2. */
export function likelihoodScale({ numbers }: EvidenceFacts, noiseVariance: number): number {
  return numbers === undefined ? 1 : numbers.variance / noiseVariance;
}

/**
 * The logarithm of the marginal likelihood,
 *
 * ```text
 * -N L s - N K / 2 log(2 pi sigma^2) + 1/2 sum_l [P_l log delta_l - delta_l |w_l|^2 - log det (N s F_l + delta_l)]
 * ```
 *
 * with `s = v / sigma^2`; for classes s is 1 and the second term is missing.
 */
export function logEvidence(
  facts: EvidenceFacts,
  groups: readonly PriorGroup[],
  { precisions, noiseVariance }: Hyperparameters,
): number {
  const { examples, loss, numbers } = facts;
  const scale = examples * likelihoodScale(facts, noiseVariance);
  let sum = -scale * loss;
  if (numbers !== undefined) {
    sum -= examples * numbers.count / 2 * Math.log(2 * Math.PI * noiseVariance);
  }
  groups.forEach(({ eigenvalues, squaredNorm }, l) => {
    const precision = precisions[l];
    sum -= precision * squaredNorm / 2;
    for (const value of eigenvalues) sum -= Math.log1p(scale * value / precision) / 2;
  });
  return sum;
}

/** Steps after which the fixed point is taken as it is. */
const MOST_STEPS = 500;

/**
 * Climbs the marginal likelihood by MacKay's fixed point,
 *
 * ```text
 * gamma_l = sum_i N s theta_i / (N s theta_i + delta_l),  delta_l = gamma_l / |w_l|^2
 * sigma^2 = 2 N L v / (N K - sum_l gamma_l)
 * ```
 *
 * @param start What is held fixed, or where it begins.
 * @param free Whether precisions and the noise move.
 */
export function maximizeEvidence(
  facts: EvidenceFacts,
  groups: readonly PriorGroup[],
  start: Hyperparameters,
  free: { readonly precisions: boolean; readonly noise: boolean },
): Hyperparameters {
  const { examples, loss, numbers } = facts;
  let { precisions, noiseVariance } = start;
  for (let step = 0; step < MOST_STEPS; step++) {
    const scale = examples * likelihoodScale(facts, noiseVariance);
    const gammas = groups.map(({ eigenvalues }, l) =>
      eigenvalues.reduce((sum, value) => {
        return sum + scale * value / (scale * value + precisions[l]);
      }, 0)
    );
    const next = free.precisions
      ? groups.map(({ squaredNorm }, l) => bounded(gammas[l] / squaredNorm))
      : precisions;
    let noise = noiseVariance;
    if (free.noise && numbers !== undefined) {
      const left = examples * numbers.count - gammas.reduce((sum, gamma) => sum + gamma, 0);
      noise = bounded(2 * examples * loss * numbers.variance / Math.max(left, 1));
    }
    const moved = Math.max(
      ...next.map((precision, l) => Math.abs(Math.log(precision / precisions[l]))),
      Math.abs(Math.log(noise / noiseVariance)),
    );
    [precisions, noiseVariance] = [next, noise];
    if (moved < 1e-8) break;
  }
  return { precisions, noiseVariance };
}

/** Weights that are all zero, or data that say nothing, leave no finite number. */
function bounded(value: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(value, 1e-12), 1e12) : 1e12;
}
