/**
 * Weighted second moments of N = 512 rows; n^2 N operations are counted, half of a full product's.
 */

import { benchKernels, mustAgree } from "./_bench.ts";

const ROWS = 512;

benchKernels([32, 64, 128, 256, 512, 577, 1024].map((d) => ({
  name: `${ROWS}x${d}`,
  verb: "secondMoment",
  sizes: { n: ROWS, d },
  prepare: (matrices) => {
    const [x, weights] = [matrices.normal(ROWS, d), matrices.normal(1, ROWS)];
    const c = matrices.backend.alloc(d, d);
    return {
      run: () => matrices.backend.secondMoment(c, x, { weights }),
      verify: () => {
        const [numbers, w, moment] = [x, weights, c].map((matrix) => matrices.read(matrix));
        for (let e = 0; e < 50; e++) {
          const [i, j] = [(e * 7) % d, (e * 11) % d];
          let sum = 0;
          for (let p = 0; p < ROWS; p++) sum += w[p] * numbers[p * d + i] * numbers[p * d + j];
          mustAgree(moment[i * d + j], sum, ROWS);
        }
      },
    };
  },
})));
