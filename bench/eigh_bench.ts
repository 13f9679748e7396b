/** Cold eigensolutions of second moments; the operations of tridiagonal QR are counted. */

import { benchKernels, mustAgree } from "./_bench.ts";

benchKernels([16, 32, 64, 128, 256, 512, 1024].map((n) => ({
  name: `n ${n}`,
  verb: "eigh",
  sizes: { n },
  prepare: (matrices) => {
    const { backend } = matrices;
    using x = matrices.normal(2 * n, n);
    const matrix = backend.alloc(n, n);
    backend.secondMoment(matrix, x, { scale: 1 / n });
    const [vectors, values, status] = [
      backend.alloc(n, n),
      backend.alloc(1, n),
      backend.alloc(1, 3),
    ];
    return {
      run: () => backend.eigh([{ matrix, vectors, values, status }]),
      verify: () => {
        const [a, q, l] = [matrix, vectors, values].map((m) => matrices.read(m));
        for (const j of [0, n >> 1, n - 1]) {
          for (let i = 0; i < n; i++) {
            let sum = 0;
            for (let p = 0; p < n; p++) sum += a[i * n + p] * q[p * n + j];
            mustAgree(sum, l[j] * q[i * n + j], 10);
          }
        }
      },
    };
  },
})));
