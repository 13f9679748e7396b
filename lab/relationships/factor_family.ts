/**
 * Four pairs of Kronecker factors of one Fisher block, `F ~ B (x) A`, as one family (docs/MATH.md, 2.15): the
 * moments of `a` and g weighed by a quadratic form of the other one, of which each is the best in a sense of its own.
 *
 * @module
 */

import {
  axpby,
  choleskyInverse,
  type DenseMatrix,
  denseMatrix,
  frobeniusNorm,
  identityMatrix,
  kron,
  mapMatrix,
  trace,
} from "@tekfac/tekfac/linalg";
import { NumericalError } from "@tekfac/tekfac/core";

/** Two factors whose product stands for a block. */
export interface FactorPair {
  /** B, [dOut, dOut]. */
  readonly output: DenseMatrix;
  /** A, [dIn', dIn']. */
  readonly input: DenseMatrix;
}

/** Sizes of a layer. */
export interface LayerSizes {
  /** dOut. */
  readonly outputs: number;
  /** dIn'. */
  readonly inputs: number;
}

/**
 * `E[G_n^T M G_n]`, [dIn', dIn'], from F alone: the entries of F whose outputs are weighed by M. With the identity
 * it is a partial trace. M is symmetric.
 */
export function inputMoment(
  fisher: DenseMatrix,
  { outputs, inputs }: LayerSizes,
  weights: DenseMatrix,
): DenseMatrix {
  const out = denseMatrix(inputs, inputs);
  for (let i = 0; i < outputs; i++) {
    for (let k = 0; k < outputs; k++) {
      const weight = weights.data[i * outputs + k];
      if (weight === 0) continue;
      for (let j = 0; j < inputs; j++) {
        const row = (i * inputs + j) * fisher.cols + k * inputs;
        for (let l = 0; l < inputs; l++) out.data[j * inputs + l] += weight * fisher.data[row + l];
      }
    }
  }
  return out;
}

/** `E[G_n M G_n^T]`, [dOut, dOut], likewise. */
export function outputMoment(
  fisher: DenseMatrix,
  { outputs, inputs }: LayerSizes,
  weights: DenseMatrix,
): DenseMatrix {
  const out = denseMatrix(outputs, outputs);
  for (let i = 0; i < outputs; i++) {
    for (let k = 0; k < outputs; k++) {
      let sum = 0;
      for (let j = 0; j < inputs; j++) {
        const row = (i * inputs + j) * fisher.cols + k * inputs;
        for (let l = 0; l < inputs; l++) {
          sum += weights.data[j * inputs + l] * fisher.data[row + l];
        }
      }
      out.data[i * outputs + k] = sum;
    }
  }
  return out;
}

const scaled = (x: DenseMatrix, by: number): DenseMatrix => mapMatrix(x, (value) => by * value);

/** The same directions, with a product whose trace is that of F. */
export function withTrace({ output, input }: FactorPair, fisher: DenseMatrix): FactorPair {
  return { output, input: scaled(input, trace(fisher) / (trace(output) * trace(input))) };
}

/** The matrix that a pair stands for. */
export function product({ output, input }: FactorPair): DenseMatrix {
  return kron(output, input);
}

/**
 * Weights `|g|^2` and `|a|^2`: the partial traces of F over their common trace. Of all Kronecker products it has the
 * least von Neumann divergence from F. At one location it is TKFAC.
 */
export function partialTraces(fisher: DenseMatrix, sizes: LayerSizes): FactorPair {
  const output = outputMoment(fisher, sizes, identityMatrix(sizes.inputs));
  const input = inputMoment(fisher, sizes, identityMatrix(sizes.outputs));
  return withTrace({ output, input }, fisher);
}

/**
 * Weights `g^T B g` and `a^T A a`: the alternation for the least Frobenius distance (Van Loan & Pitsianis 1993),
 * until nothing moves.
 */
export function nearestProduct(fisher: DenseMatrix, sizes: LayerSizes): FactorPair {
  return settled(partialTraces(fisher, sizes), ({ input }) => {
    const output = scaled(
      outputMoment(fisher, sizes, input),
      1 / frobeniusNorm(input) ** 2,
    );
    return {
      output,
      input: scaled(inputMoment(fisher, sizes, output), 1 / frobeniusNorm(output) ** 2),
    };
  });
}

/**
 * Weights `g^T B^-1 g / dOut` and `a^T A^-1 a / dIn'`: the alternation of the matrix-normal likelihood (Dutilleul
 * 1999), the least Kullback-Leibler divergence of normal distributions with these covariances. F must be regular:
 * give it damped.
 *
 * @throws {NumericalError} When a factor cannot be inverted.
 */
export function likeliestProduct(fisher: DenseMatrix, sizes: LayerSizes): FactorPair {
  const { outputs, inputs } = sizes;
  return settled(partialTraces(fisher, sizes), ({ input }) => {
    const output = scaled(outputMoment(fisher, sizes, inverse(input)), 1 / inputs);
    return {
      output,
      input: scaled(inputMoment(fisher, sizes, inverse(output)), 1 / outputs),
    };
  });
}

function inverse(x: DenseMatrix): DenseMatrix {
  const result = choleskyInverse(x);
  if (result !== undefined) return result;
  throw new NumericalError("Cannot find the likeliest factors: one is singular; damp the block", {
    quantity: "factor",
    step: 0,
  });
}

/** Far more than any alternation here takes. */
const ITERATIONS = 500;

/** Repeats until the product's factors move by no more than rounding shows. */
function settled(from: FactorPair, next: (pair: FactorPair) => FactorPair): FactorPair {
  let pair = from;
  for (let i = 0; i < ITERATIONS; i++) {
    const moved = next(pair);
    const change = distance(moved.input, pair.input);
    pair = moved;
    if (change < 1e-10) break;
  }
  return pair;
}

/** Between directions, whatever their scale. */
function distance(x: DenseMatrix, y: DenseMatrix): number {
  return frobeniusNorm(axpby(1 / frobeniusNorm(x), x, -1 / frobeniusNorm(y), y));
}
