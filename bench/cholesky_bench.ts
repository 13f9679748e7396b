/** Damped inverses of second moments; n^3 operations are counted. */

import { benchKernels, mustAgree } from "./_bench.ts";

benchKernels([16, 32, 64, 128, 256, 512, 1024].map((n) => ({
  name: `n ${n}`,
  verb: "choleskyInverse",
  sizes: { n },
  prepare: (matrices) => {
    const { backend } = matrices;
    using x = matrices.normal(2 * n, n);
    const matrix = backend.alloc(n, n);
    backend.secondMoment(matrix, x, { scale: 1 / n });
    const [out, status] = [backend.alloc(n, n), backend.alloc(1, 1)];
    return {
      run: () => backend.choleskyInverse(out, matrix, 1, 0.5, status),
      verify: () => {
        const [a, inverse] = [matrix, out].map((m) => matrices.read(m));
        for (let i = 0; i < n; i++) {
          const j = (i * 7) % n;
          let sum = 0.5 * inverse[i * n + j];
          for (let p = 0; p < n; p++) sum += a[i * n + p] * inverse[p * n + j];
          mustAgree(sum, i === j ? 1 : 0, 20);
        }
      },
    };
  },
})));
