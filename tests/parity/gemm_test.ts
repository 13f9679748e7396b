import { denseMatrix } from "@tekfac/tekfac/linalg";
import { edgeSizes } from "@tekfac/tekfac/testing";
import { inputs, parity, ROUNDOFF, unread } from "./_parity.ts";

/** Rounding of k products of normal numbers and their sums, with room for the largest of many. */
const allowance = (k: number): number => 4 * ROUNDOFF * Math.max(k, 4);

for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    const name = `gemm() of ${transposeA ? "A^T" : "A"} ${transposeB ? "B^T" : "B"}`;
    parity(`${name} agrees with its definition around the tile sizes`, (check, random) => {
      for (const m of edgeSizes(6, 24)) {
        for (const n of edgeSizes(8, 16)) {
          for (const k of [0, 1, 2, 5, 33]) {
            const a = transposeA ? inputs(random, k, m) : inputs(random, m, k);
            const b = transposeB ? inputs(random, n, k) : inputs(random, k, n);
            check({
              label: `${m}x${n}x${k}`,
              outputs: [unread(m, n)],
              inputs: [a, b],
              call: (backend, [c], [a, b]) => backend.gemm(c, a, b, { transposeA, transposeB }),
              absolute: allowance(k),
            });
          }
        }
      }
    });

    parity(`${name} agrees with its definition around the block sizes`, (check, random) => {
      for (const [m, n, k] of [[241, 9, 513], [7, 513, 520], [30, 520, 512], [250, 17, 1030]]) {
        const a = transposeA ? inputs(random, k, m) : inputs(random, m, k);
        const b = transposeB ? inputs(random, n, k) : inputs(random, k, n);
        check({
          label: `${m}x${n}x${k}`,
          outputs: [inputs(random, m, n)],
          inputs: [a, b],
          call: (backend, [c], [a, b]) =>
            backend.gemm(c, a, b, { transposeA, transposeB, alpha: -1.5, beta: 0.5 }),
          absolute: allowance(k),
        });
      }
    });
  }
}

parity("gemm() with alpha and beta keeps what they ask for", (check, random) => {
  for (const [alpha, beta] of [[0, 1], [2, 0.25], [1, 1], [-1, 0], [0, 0]]) {
    for (const [m, n, k] of [[6, 8, 3], [13, 11, 7], [5, 3, 0]]) {
      check({
        label: `alpha ${alpha} beta ${beta}`,
        outputs: [beta === 0 ? unread(m, n) : inputs(random, m, n)],
        inputs: [inputs(random, m, k), inputs(random, k, n)],
        call: (backend, [c], [a, b]) => backend.gemm(c, a, b, { alpha, beta }),
        absolute: 4 * allowance(k),
      });
    }
  }
});

parity("gemm() passes infinities and NaN on", (check) => {
  check({
    label: "special values",
    outputs: [unread(2, 2)],
    inputs: [denseMatrix(2, 2, [Infinity, 1, NaN, 1]), denseMatrix(2, 2, [1, 2, 3, 4])],
    call: (backend, [c], [a, b]) => backend.gemm(c, a, b),
  });
});
