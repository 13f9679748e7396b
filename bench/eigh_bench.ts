/**
 * Eigensolutions of second moments, cold and from the basis of a matrix that has moved a little since;
 * the operations of tridiagonal QR are counted.
 */

import { benchKernels, type BenchMatrices, type KernelBench, mustAgree } from "./_bench.ts";

/** A second moment of 2 n standard normal vectors. */
function moment({ backend, normal }: BenchMatrices, n: number) {
  using x = normal(2 * n, n);
  const matrix = backend.alloc(n, n);
  backend.secondMoment(matrix, x, { scale: 1 / n });
  return matrix;
}

/** With `moved`, a warm start from the basis before that share of another moment was added. */
function eigenproblem(n: number, moved?: number): KernelBench {
  return {
    name: moved === undefined ? `n ${n} cold` : `n ${n} warm, moved by ${moved}`,
    verb: "eigh",
    sizes: { n },
    prepare: (matrices) => {
      const { backend } = matrices;
      const matrix = moment(matrices, n);
      const [vectors, values, status] = [[n, n], [1, n], [1, 3]]
        .map(([rows, cols]) => backend.alloc(rows, cols));
      const job = { matrix, vectors, values, status };
      const previous = backend.alloc(n, n);
      if (moved !== undefined) {
        backend.eigh([{ ...job, vectors: previous }]);
        using noise = moment(matrices, n);
        backend.axpby(matrix, moved, noise, 1);
      }
      return {
        run: () => backend.eigh([moved === undefined ? job : { ...job, previous }]),
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
  };
}

benchKernels([
  ...[16, 32, 64, 128, 256, 512, 1024].map((n) => eigenproblem(n)),
  ...[16, 32].flatMap((n) => [1e-5, 1e-4, 1e-3].map((moved) => eigenproblem(n, moved))),
]);
