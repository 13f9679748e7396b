/**
 * How far a Kronecker-factored block is from the exact one, in three senses, as it is and with measured eigenvalues.
 *
 * @module
 */

import {
  axpby,
  type DenseMatrix,
  denseMatrix,
  eigh,
  frobeniusDistance,
  frobeniusNorm,
  gemm,
  identityMatrix,
  kron,
  trace,
} from "@tekfac/tekfac/linalg";
import {
  type FactorPair,
  likeliestProduct,
  nearestProduct,
  partialTraces,
  product,
  withTrace,
} from "./factor_family.ts";
import type { LayerRelationships } from "./layer_relationships.ts";

/** The members of the family, by the weight of an input. */
export const factorChoices = ["1", "|g|^2", "g' B^-1 g", "g' B g"] as const;

/** One of {@linkcode factorChoices}. */
export type FactorChoice = typeof factorChoices[number];

/** Damping in units of the mean eigenvalue of F: that of a training's beginning, and a hundredth of it. */
export const dampings = [1, 0.01] as const;

/** What is measured of one approximation. */
export interface Divergences {
  /** `tr(F log F - F log X - F + X)` over `tr F`, undamped; infinite where X lacks a direction of F. */
  readonly vonNeumann: number;
  /** Of `N(0, F + lambda)` from `N(0, X + lambda)`, in nats, for each of {@linkcode dampings}. */
  readonly kl: readonly number[];
  /** `|F - X|_F / |F|_F`. */
  readonly frobenius: number;
}

/** One pair of factors: its product, and the best diagonal in its eigenbasis. */
export interface FamilyMember {
  /** Which weights. */
  readonly choice: FactorChoice;
  /** The product with F's trace. */
  readonly factored: Divergences;
  /** With measured eigenvalues. */
  readonly corrected: Divergences;
}

/** A share of the largest eigenvalue that counts as none. */
const NOTHING = 1e-12;

/**
 * `tr(X log X - X log Y - X + Y)` of positive semidefinite matrices; eigenvalues that are no more than rounding count
 * as zero, and `0 log 0` as zero.
 *
 * @example Of diagonals, the sum over entries
 * ```ts
 * import assert from "node:assert/strict";
 * import { diagonalMatrix } from "@tekfac/tekfac/linalg";
 * import { vonNeumann } from "./divergences.ts";
 *
 * const [x, y] = [diagonalMatrix([2, 0]), diagonalMatrix([1, 1])];
 * assert(Math.abs(vonNeumann(x, y) - (2 * Math.log(2) - 2 + 2)) < 1e-12);
 * assert.equal(vonNeumann(y, x), Infinity); // y has a direction that x lacks
 * assert(Math.abs(vonNeumann(x, x)) < 1e-12);
 * ```
 */
export function vonNeumann(x: DenseMatrix, y: DenseMatrix): number {
  const own = eigh(x).values;
  const { values, vectors } = eigh(y);
  const [mostX, mostY] = [largest(own), largest(values)];
  let sum = trace(y) - trace(x);
  for (const value of own) if (value > NOTHING * mostX) sum += value * Math.log(value);
  const seen = gemm(x, vectors);
  for (let k = 0; k < values.length; k++) {
    let along = 0;
    for (let i = 0; i < x.rows; i++) {
      along += vectors.data[i * x.rows + k] * seen.data[i * x.rows + k];
    }
    if (along <= NOTHING * mostX) continue;
    if (values[k] <= NOTHING * mostY) return Infinity;
    sum -= along * Math.log(values[k]);
  }
  return sum;
}

/** `(tr(Y^-1 X) - log det(Y^-1 X) - n) / 2`, the divergence of `N(0, X)` from `N(0, Y)`; both are regular. */
export function gaussianDivergence(x: DenseMatrix, y: DenseMatrix): number {
  const { values, vectors } = eigh(y);
  const seen = gemm(x, vectors);
  let sum = -x.rows;
  for (let k = 0; k < values.length; k++) {
    let along = 0;
    for (let i = 0; i < x.rows; i++) {
      along += vectors.data[i * x.rows + k] * seen.data[i * x.rows + k];
    }
    sum += along / values[k] + Math.log(values[k]);
  }
  for (const value of eigh(x).values) sum -= Math.log(value);
  return sum / 2;
}

const largest = (values: ArrayLike<number>): number => Math.max(...Array.from(values));

/** All three of an approximation. */
export function divergencesOf(fisher: DenseMatrix, approximation: DenseMatrix): Divergences {
  const identity = identityMatrix(fisher.rows);
  const mean = trace(fisher) / fisher.rows;
  return {
    vonNeumann: vonNeumann(fisher, approximation) / trace(fisher),
    kl: dampings.map((share) =>
      gaussianDivergence(
        axpby(1, fisher, share * mean, identity),
        axpby(1, approximation, share * mean, identity),
      )
    ),
    frobenius: frobeniusDistance(fisher, approximation) / frobeniusNorm(fisher),
  };
}

/** The closest matrix to F that is diagonal in the eigenbasis of a pair. */
export function correctedBy({ output, input }: FactorPair, fisher: DenseMatrix): DenseMatrix {
  const basis = kron(eigh(output).vectors, eigh(input).vectors);
  const inside = gemm(basis, gemm(fisher, basis), { transposeA: true });
  const diagonal = denseMatrix(fisher.rows, fisher.cols);
  for (let i = 0; i < fisher.rows; i++) {
    diagonal.data[i * (fisher.rows + 1)] = Math.max(0, inside.data[i * (fisher.rows + 1)]);
  }
  return gemm(gemm(basis, diagonal), basis, { transposeB: true });
}

/** The pairs of the whole family for one layer; of KFAC's factors the library's own. */
export function familyOf(layer: LayerRelationships): Readonly<Record<FactorChoice, FactorPair>> {
  const { fisher, independent } = layer;
  const small = dampings[1] * trace(fisher) / fisher.rows;
  const damped = axpby(1, fisher, small, identityMatrix(fisher.rows));
  return {
    "1": withTrace(independent, fisher),
    "|g|^2": partialTraces(fisher, layer),
    "g' B^-1 g": withTrace(likeliestProduct(damped, layer), fisher),
    "g' B g": withTrace(nearestProduct(fisher, layer), fisher),
  };
}

/** How far each member of the family is from F. */
export function measureFamily(layer: LayerRelationships): FamilyMember[] {
  const pairs = familyOf(layer);
  return factorChoices.map((choice) => ({
    choice,
    factored: divergencesOf(layer.fisher, product(pairs[choice])),
    corrected: divergencesOf(layer.fisher, correctedBy(pairs[choice], layer.fisher)),
  }));
}
