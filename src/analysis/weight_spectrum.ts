/**
 * How much of a layer's weights lies along which eigenvalues of its curvature.
 *
 * @module
 */

import { denseMatrix } from "../linalg/dense_matrix.ts";
import { eigh } from "../linalg/eigh.ts";
import type { LayerCurvature } from "./layer_curvature.ts";

/** A measure: `sum_i squares_i phi(values_i) = w^T phi(F) w` for every function phi. */
export interface WeightSpectrum {
  /** Eigenvalues, >= 0. */
  readonly values: Float64Array;
  /** Squares of coordinates, >= 0; their sum is `|w|^2`. */
  readonly squares: Float64Array;
}

/**
 * The spectrum of the weights as they are. Where the block is diagonal in a basis, exactly. Elsewhere by the
 * quadrature that Lanczos's iteration from w gives, which is exact for polynomials of twice its steps (Golub & Meurant
 * 2010, "Matrices, moments and quadrature", chapter 6).
 */
export function weightSpectrumOf(layer: LayerCurvature): Promise<WeightSpectrum> {
  return layer.block.eigenbasis === undefined ? byLanczos(layer) : byCoordinates(layer);
}

async function byCoordinates(
  { backend, block, parameter: { value }, eigenvalues }: LayerCurvature,
): Promise<WeightSpectrum> {
  const { basis } = block.eigenbasis!;
  const read = await backend.reading(() =>
    backend.scope(() => {
      if (basis === undefined) return backend.read(value);
      const coordinates = backend.scratch(value.rows, value.cols);
      backend.rotateInto(coordinates, value, basis);
      return backend.read(coordinates);
    })
  );
  return { values: eigenvalues, squares: Float64Array.from(read, (x) => x * x) };
}

/** Steps of Lanczos's iteration: twice as many powers as any spectrum here needs. */
const STEPS = 40;

async function byLanczos(layer: LayerCurvature): Promise<WeightSpectrum> {
  const { backend, parameter: { value } } = layer;
  const times = async (v: Float64Array): Promise<Float64Array> => {
    const read = await backend.reading(() =>
      backend.scope(() => {
        const [x, y] = [0, 0].map(() => backend.scratch(value.rows, value.cols));
        backend.write(x, v);
        layer.multiply(y, x);
        return backend.read(y);
      })
    );
    return Float64Array.from(read);
  };
  const weights = Float64Array.from(await backend.reading(() => backend.read(value)));
  const length = Math.sqrt(dot(weights, weights));
  if (length === 0) return { values: new Float64Array(1), squares: new Float64Array(1) };

  const [alphas, betas]: [number[], number[]] = [[], []];
  let [before, now] = [new Float64Array(weights.length), weights.map((x) => x / length)];
  while (alphas.length < STEPS) {
    const next = await times(now);
    const alpha = dot(next, now);
    const last = betas.at(-1) ?? 0;
    next.forEach((x, i) => next[i] = x - alpha * now[i] - last * before[i]);
    const beta = Math.sqrt(dot(next, next));
    alphas.push(alpha);
    betas.push(beta);
    if (!(beta > 8 * backend.info.roundoff * Math.max(...alphas))) break;
    [before, now] = [now, next.map((x) => x / beta)];
  }
  const n = alphas.length;
  const tridiagonal = denseMatrix(n, n);
  alphas.forEach((alpha, i) => {
    tridiagonal.data[i * (n + 1)] = alpha;
    if (i + 1 < n) {
      tridiagonal.data[i * n + i + 1] = betas[i];
      tridiagonal.data[(i + 1) * n + i] = betas[i];
    }
  });
  const { values, vectors } = eigh(tridiagonal);
  return {
    values: values.map((x) => Math.max(0, x)),
    squares: values.map((_, i) => (length * vectors.data[i]) ** 2),
  };
}

function dot(x: Float64Array, y: Float64Array): number {
  return x.reduce((sum, value, i) => sum + value * y[i], 0);
}
