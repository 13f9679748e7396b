/**
 * Whether a result is right, before anyone times how fast it came.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import type { Matrix } from "@tekfac/tekfac/core";
import type { Arrays, Work } from "./work.ts";

/** Float32 results of sums over a thousand terms, by libraries of any order of summation. */
const TOLERANCE = 2e-4;

/**
 * Compares a result with ours (products, convolutions) or with its definition (`X V = V Lambda` with
 * orthonormal V; `X Y = I`).
 *
 * @param backend Computes the products of the definitions.
 * @param work The task.
 * @param inputs Its inputs.
 * @param result What a peer computed.
 * @param ours What we computed.
 * @returns What is wrong, or `undefined`.
 */
export function findError(
  backend: Backend,
  work: Work,
  inputs: Arrays,
  result: Arrays,
  ours: Arrays,
): string | undefined {
  const errors = work.kind === "eigh"
    ? eigenErrors(backend, work.n, inputs[0], result)
    : work.kind === "inverse"
    ? [inverseError(backend, work.n, inputs[0], result[0])]
    : ours.map((expected, i) => relativeError(result[i], expected));
  const worst = Math.max(...errors);
  // Written so that NaN is an error.
  return worst <= TOLERANCE ? undefined : `wrong result, relative error ${worst.toExponential(1)}`;
}

/** `|actual - expected| / |expected|`, Frobenius norms. */
export function relativeError(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return NaN;
  let [difference, size] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i] - expected[i]) ** 2;
    size += expected[i] ** 2;
  }
  return Math.sqrt(difference / size);
}

/** Residual and loss of orthogonality. */
function eigenErrors(backend: Backend, n: number, x: Float32Array, result: Arrays): number[] {
  const [values, vectors] = result;
  const product = multiply(backend, n, x, vectors);
  const scaled = vectors.map((v, k) => v * values[k % n]);
  const gram = multiply(backend, n, vectors, vectors, true);
  return [relativeError(product, scaled), relativeError(gram, identity(n))];
}

function inverseError(
  backend: Backend,
  n: number,
  x: Float32Array,
  inverse: Float32Array,
): number {
  return relativeError(multiply(backend, n, x, inverse), identity(n));
}

function identity(n: number): Float32Array {
  return Float32Array.from({ length: n * n }, (_, k) => k % (n + 1) === 0 ? 1 : 0);
}

/** `A B`, or `A^T B`, of [n, n]. */
function multiply(
  backend: Backend,
  n: number,
  a: Float32Array,
  b: Float32Array,
  transposeA = false,
): Float32Array {
  return backend.scope(() => {
    const upload = (data: Float32Array): Matrix => {
      const matrix = backend.scratch(n, n);
      backend.write(matrix, data);
      return matrix;
    };
    const out = backend.scratch(n, n);
    backend.gemm(out, upload(a), upload(b), { transposeA });
    return Float32Array.from(backend.readSync(out));
  });
}
