/**
 * Curvature along a few directions: products with few columns, the division by it, and its moments.
 */

import { benchKernels, type BenchMatrices, type KernelBench, mustAgree } from "./_bench.ts";
import { BENCH_LAYERS, type BenchLayer } from "./_geometries.ts";
import type { GemmOptions } from "@tekfac/tekfac/backend";
import type { Matrix } from "@tekfac/tekfac/core";

const RANKS = [8, 16, 32, 64];

/** A product `[m, n] = op [m, k] op [k, n]`. */
function product(
  name: string,
  [m, n, k]: readonly [number, number, number],
  { transposeA = false, transposeB = false, beta = 0 }: GemmOptions,
): KernelBench {
  return {
    name: `${name} ${m}x${n}x${k} ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`,
    verb: "gemm",
    sizes: { m, n, k },
    prepare: (matrices) => {
      const a = transposeA ? matrices.normal(k, m) : matrices.normal(m, k);
      const b = transposeB ? matrices.normal(n, k) : matrices.normal(k, n);
      const c = matrices.backend.alloc(m, n);
      return {
        run: () => matrices.backend.gemm(c, a, b, { transposeA, transposeB, beta }),
        verify: () => {
          const [x, y, z] = [a, b, c].map((matrix) => matrices.read(matrix));
          for (let e = 0; e < 50; e++) {
            const [i, j] = [(e * 7) % m, (e * 11) % n];
            let sum = 0;
            for (let p = 0; p < k; p++) {
              sum += x[transposeA ? p * m + i : i * k + p] * y[transposeB ? j * k + p : p * n + j];
            }
            mustAgree(z[i * n + j], sum, k);
          }
        },
      };
    },
  };
}

/** What a layer [dOut, dIn] of rank k multiplies, with n captured examples. */
const productsOf = (dOut: number, dIn: number, k: number): KernelBench[] => [
  product("R = Qo x", [k, dIn, dOut], {}),
  product("C = x Qi^T", [dOut, k, dIn], { transposeB: true }),
  product("out += Qo^T R", [dOut, dIn, k], { transposeA: true, beta: 1 }),
  product("out += L R", [dOut, dIn, 2 * k], { beta: 1 }),
  ...[16, 32, 128].flatMap((n) => [
    product("p = a Q^T", [n, k, dIn], { transposeB: true }),
    product("p^T = Q a^T", [k, n, dIn], { transposeB: true }),
    product("Y += p^T a", [k, dIn, n], { transposeA: true, beta: 1 }),
    product("M = p^T r", [k + 1, k + 1, n], { transposeA: true }),
  ]),
];

/** An operator with everything in it of size one. */
function lowRankDivide(dOut: number, dIn: number, k: number): KernelBench {
  const [kOut, kIn] = [Math.min(k, dOut), Math.min(k, dIn)];
  return {
    name: `${dOut}x${dIn} rank ${kOut}, ${kIn}`,
    verb: "lowRankDivide",
    sizes: { dOut, dIn, kOut, kIn },
    prepare: (matrices) => {
      const { backend } = matrices;
      const [x, out] = [matrices.normal(dOut, dIn), backend.alloc(dOut, dIn)];
      // Coordinates: orthonormal, and their results are known.
      const basis = {
        output: coordinates(matrices, kOut, dOut),
        input: coordinates(matrices, kIn, dIn),
      };
      const moments = backend.alloc(kOut + 1, kIn + 1);
      const [outside, inside] = [dOut - kOut, dIn - kIn];
      const numbers = Array.from({ length: (kOut + 1) * (kIn + 1) }, (_, at) => {
        const [i, j] = [Math.floor(at / (kIn + 1)), at % (kIn + 1)];
        // Eigenvalues: 4 in the block, 3 right of it, 2 below it, 1 elsewhere.
        if (i < kOut) return j < kIn ? 4 : 4 * kIn + 3 * inside;
        if (j < kIn) return 4 * kOut + 2 * outside;
        return 4 * kOut * kIn + 3 * kOut * inside + 2 * outside * kIn + outside * inside;
      });
      backend.write(moments, numbers);
      return {
        run: () => backend.lowRankDivide(out, x, basis, { moments, damping: 1 }),
        verify: () => {
          const [from, to] = [x, out].map((matrix) => matrices.read(matrix));
          from.forEach((value, at) => {
            const [known, seen] = [Math.floor(at / dIn) < kOut, at % dIn < kIn];
            const eigenvalue = known ? (seen ? 4 : 3) : (seen ? 2 : 1);
            mustAgree(to[at], value / (eigenvalue + 1), 1);
          });
        },
      };
    },
  };
}

/** The first k coordinates of d. */
function coordinates({ backend }: BenchMatrices, k: number, d: number): Matrix {
  const q = backend.alloc(k, d);
  backend.write(q, Float32Array.from({ length: k * d }, (_, at) => at % (d + 1) === 0 ? 1 : 0));
  return q;
}

/** Moments of a dense layer. */
const momentsOfDense = (examples: number, dOut: number, dIn: number, k: number): KernelBench => ({
  name: `${examples} of ${dOut}x${dIn} rank ${k}`,
  verb: "projectedMoments",
  sizes: { N: examples, T: 1, dOut, dIn, kOut: k, kIn: k },
  prepare: (matrices) => {
    const { backend } = matrices;
    const [g, a] = [matrices.normal(examples, dOut), matrices.normal(examples, dIn)];
    const basis = { output: coordinates(matrices, k, dOut), input: coordinates(matrices, k, dIn) };
    const moments = backend.alloc(k + 1, k + 1);
    const capture = { kind: "dense", examples, inputs: a, outputGradients: g } as const;
    return {
      run: () => backend.projectedMoments(moments, capture, basis),
      verify: () => {
        const [gs, as, out] = [g, a, moments].map((matrix) => matrices.read(matrix));
        let sum = 0;
        for (let n = 0; n < examples; n++) sum += gs[n * dOut] ** 2 * as[n * dIn + 1] ** 2;
        mustAgree(out[1], sum, sum);
      },
    };
  },
});

/** Moments of a convolution, of 32 examples. */
function momentsOfConvolution(
  { name, geometry, outputs, sizes }: BenchLayer,
  k: number,
): KernelBench {
  const [N, kOut, kIn] = [32, Math.min(k, outputs), Math.min(k, sizes.dIn)];
  return {
    name: `${N} of ${name} rank ${kOut}, ${kIn}`,
    verb: "projectedMoments",
    sizes: { ...sizes, N, kOut, kIn },
    prepare: (matrices) => {
      const { backend } = matrices;
      const { height, width, channels } = geometry;
      const images = matrices.normal(N * height * width, channels);
      const outputGradients = matrices.normal(N * sizes.T, outputs);
      const basis = {
        output: coordinates(matrices, kOut, outputs),
        input: coordinates(matrices, kIn, sizes.dIn),
      };
      const moments = backend.alloc(kOut + 1, kIn + 1);
      const capture = { kind: "conv2d", examples: N, geometry, images, outputGradients } as const;
      // The gradients themselves, by another verb, for the corner.
      const squares = backend.alloc(outputs, sizes.dIn);
      backend.squaredProjection(squares, capture);
      return {
        run: () => backend.projectedMoments(moments, capture, basis),
        verify: () => {
          const [all, out] = [squares, moments].map((matrix) => matrices.read(matrix));
          const { dIn } = sizes;
          const sumOver = (belongs: (i: number, j: number) => boolean): number => {
            let sum = 0;
            all.forEach((value, at) => {
              if (belongs(Math.floor(at / dIn), at % dIn)) sum += value;
            });
            return sum;
          };
          const [row, column] = [sumOver((i) => i === 0), sumOver((_, j) => j === 0)];
          mustAgree(out[1], all[1], all[1]);
          mustAgree(out[kIn], row, row);
          mustAgree(out[kOut * (kIn + 1)], column, column);
          const corner = sumOver(() => true);
          mustAgree(out[out.length - 1], corner, corner);
        },
      };
    },
  };
}

benchKernels([
  ...RANKS.flatMap((k) => productsOf(512, 785, k)),
  ...([[512, 785], [512, 513], [250, 785], [64, 577]] as const).flatMap(([dOut, dIn]) =>
    RANKS.map((k) => lowRankDivide(dOut, dIn, k))
  ),
  ...[16, 128].map((n) => momentsOfDense(n, 512, 785, 32)),
  ...BENCH_LAYERS.map((layer) => momentsOfConvolution(layer, 32)),
]);
