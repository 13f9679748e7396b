/**
 * How far a Kronecker-factored block is from the exact one, in three senses, as it is and with measured eigenvalues.
 *
 * @module
 */

import {
  axpby,
  type DenseMatrix,
  eigh,
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

/** An approximation with a Kronecker basis: what F has along each direction, and what it says that F has. */
interface Along {
  /** `theta_k = v_k^T F v_k`. */
  readonly measured: ArrayLike<number>;
  /** Its own eigenvalues. */
  readonly values: ArrayLike<number>;
}

/** What all approximations of a block are held against. */
interface Exact {
  /** Eigenvalues of F. */
  readonly values: Float64Array;
  /** Its trace. */
  readonly trace: number;
  /** The sum of their squares. */
  readonly squares: number;
}

/** All three, from eigenvalues alone. */
function divergencesOf(exact: Exact, { measured, values }: Along): Divergences {
  const n = values.length;
  const [most, mean] = [largest(exact.values), exact.trace / n];
  let entropy = -exact.trace;
  for (const f of exact.values) if (f > NOTHING * most) entropy += f * Math.log(f);
  let squares = exact.squares;
  for (let k = 0; k < n; k++) {
    const [theta, x] = [measured[k], values[k]];
    squares += x * x - 2 * theta * x;
    entropy += x;
    if (theta > NOTHING * most) entropy -= x > 0 ? theta * Math.log(x) : -Infinity;
  }
  const kl = dampings.map((share) => {
    const lambda = share * mean;
    let sum = -n;
    for (let k = 0; k < n; k++) {
      sum += (measured[k] + lambda) / (values[k] + lambda) + Math.log(values[k] + lambda);
    }
    // Rounding leaves eigenvalues of F that are zero a little below it.
    for (const f of exact.values) sum -= Math.log(Math.max(0, f) + lambda);
    return sum / 2;
  });
  return {
    vonNeumann: entropy / exact.trace,
    kl,
    frobenius: Math.sqrt(Math.max(0, squares) / exact.squares),
  };
}

/** What F has along the eigenvectors of a pair's product, and the product's eigenvalues, in the same order. */
function along({ output, input }: FactorPair, fisher: DenseMatrix): Along {
  const [b, a] = [eigh(output), eigh(input)];
  const basis = kron(b.vectors, a.vectors);
  const seen = gemm(fisher, basis);
  const n = fisher.rows;
  const measured = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) measured[k] += basis.data[i * n + k] * seen.data[i * n + k];
  }
  const positive = (value: number): number => Math.max(0, value);
  return {
    measured: measured.map(positive),
    values: Array.from(b.values).flatMap((x) => Array.from(a.values, (y) => positive(x * y))),
  };
}

/** The pairs of the whole family for one layer; with weights 1 the library's own. */
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

/** How far each member of the family is from F; what is measured along a basis is the best diagonal in it. */
export function measureFamily(layer: LayerRelationships): FamilyMember[] {
  const { fisher } = layer;
  const pairs = familyOf(layer);
  const exact = {
    values: eigh(fisher).values,
    trace: trace(fisher),
    squares: frobeniusNorm(fisher) ** 2,
  };
  return factorChoices.map((choice) => {
    const found = along(pairs[choice], fisher);
    return {
      choice,
      factored: divergencesOf(exact, found),
      corrected: divergencesOf(exact, { ...found, values: found.measured }),
    };
  });
}
