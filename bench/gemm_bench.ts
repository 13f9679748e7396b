/** Matrix products: square, skinny, all transposes. */

import { benchKernels, type KernelBench, mustAgree } from "./_bench.ts";

const SHAPES: readonly (readonly [m: number, n: number, k: number])[] = [
  ...[16, 32, 64, 128, 256, 512, 1024].map((n) => [n, n, n] as const),
  [512, 10, 512],
  [512, 512, 10],
  [10, 512, 512],
  [128, 10, 128],
  [128, 128, 10],
  [10, 128, 128],
  [64, 577, 577],
];

function gemmBench(
  [m, n, k]: readonly [number, number, number],
  transposeA: boolean,
  transposeB: boolean,
): KernelBench {
  return {
    name: `${m}x${n}x${k} ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`,
    verb: "gemm",
    sizes: { m, n, k },
    prepare: (matrices) => {
      const a = transposeA ? matrices.normal(k, m) : matrices.normal(m, k);
      const b = transposeB ? matrices.normal(n, k) : matrices.normal(k, n);
      const c = matrices.backend.alloc(m, n);
      return {
        run: () => matrices.backend.gemm(c, a, b, { transposeA, transposeB }),
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

benchKernels(
  SHAPES.flatMap((shape) =>
    [false, true].flatMap((transposeB) =>
      [false, true].map((transposeA) => gemmBench(shape, transposeA, transposeB))
    )
  ),
);
