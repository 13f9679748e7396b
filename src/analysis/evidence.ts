/**
 * How precise a prior and how large a noise the examples themselves speak for: the marginal likelihood of Laplace's
 * approximation (MacKay 1992, "A practical Bayesian framework for backpropagation networks").
 *
 * @module
 */

import type { WeightSpectrum } from "./weight_spectrum.ts";

/** Weights with a prior precision of their own. */
export interface PriorGroup {
  /** Eigenvalues of their mean curvature, >= 0. */
  readonly eigenvalues: Float64Array;
  /** How the weights as they were trained spread over them. */
  readonly weights: WeightSpectrum;
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
 * The logarithm of the marginal likelihood: the likelihood, to second order about the weights w where training has made
 * it largest, integrated over the prior,
 *
 * ```text
 * log int exp(-N s [L + (u - w)^T F (u - w) / 2]) N(u; 0, 1/delta) du
 *   = -N L s - N K / 2 log(2 pi sigma^2) - 1/2 sum_i [delta rho_i w_i^2 + log(1 + N s theta_i / delta)],
 * rho_i = N s theta_i / (N s theta_i + delta)
 * ```
 *
 * with `s = v / sigma^2` and the weights' coordinates w_i along eigenvectors; for classes s is 1 and the second term is
 * missing. The prior takes what the examples leave undecided to zero, `u_i = rho_i w_i`: a direction in which weights are
 * as they were drawn before training says nothing of the prior. MacKay has `delta |w|^2` instead, which holds where
 * training has known the prior (Antoran et al. 2022, arXiv 2206.08900).
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
  groups.forEach(({ eigenvalues, weights }, l) => {
    const precision = precisions[l];
    for (const value of eigenvalues) sum -= Math.log1p(scale * value / precision) / 2;
    sum -= precision / 2 * integral(weights, (value) => known(scale * value, precision));
  });
  return sum;
}

/** Steps after which the fixed point is taken as it is. */
const MOST_STEPS = 500;

/**
 * Climbs the marginal likelihood by the fixed point where its derivatives are zero, in MacKay's (1992) manner,
 *
 * ```text
 * delta_l = sum_i rho_i / sum_i rho_i^2 w_i^2      (i of group l)
 * sigma^2 = N v [2 L + sum_i theta_i (1 - rho_i)^2 w_i^2] / (N K - sum_i rho_i)
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
      eigenvalues.reduce((sum, value) => sum + known(scale * value, precisions[l]), 0)
    );
    const next = free.precisions
      ? groups.map(({ weights }, l) => {
        const shrunk = integral(weights, (value) => known(scale * value, precisions[l]) ** 2);
        return bounded(gammas[l] / shrunk);
      })
      : precisions;
    let noise = noiseVariance;
    if (free.noise && numbers !== undefined) {
      const left = examples * numbers.count - gammas.reduce((sum, gamma) => sum + gamma, 0);
      const misfit = groups.reduce((sum, { weights }, l) => {
        const { [l]: precision } = precisions;
        return sum +
          integral(weights, (value) => value * (1 - known(scale * value, precision)) ** 2);
      }, 2 * loss);
      noise = bounded(examples * numbers.variance * misfit / Math.max(left, 1));
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

/** rho: how far the examples, rather than the prior, decide a direction, from 0 to 1. */
function known(curvature: number, precision: number): number {
  return curvature / (curvature + precision);
}

/** `w^T phi(F) w`. */
function integral({ values, squares }: WeightSpectrum, phi: (value: number) => number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += squares[i] * phi(values[i]);
  return sum;
}

/** Weights that are all zero, or data that say nothing, leave no finite number. */
function bounded(value: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(value, 1e-12), 1e12) : 1e12;
}
