/** Batch normalisation of a ResNet20's activations at batch 64. Bound by memory: see the GB/s. */

import { benchKernels, type KernelBench, mustAgree } from "./_bench.ts";

/** Rows (pixels of 64 images) and channels of the three stages. */
const SHAPES = [[64 * 32 * 32, 16], [64 * 16 * 16, 32], [64 * 8 * 8, 64]] as const;

const EPSILON = 1e-5;

/** What a mean and a variance have to agree to, over any number of rows. */
const SCALE = 8;

const benchesOf = ([n, C]: readonly [number, number]): KernelBench[] => {
  const name = `${n}x${C}`;
  const sizes = { n, C };
  return [
    {
      name,
      verb: "columnMoments",
      sizes,
      prepare: (matrices) => {
        const x = matrices.normal(n, C);
        const moments = matrices.backend.alloc(2, C);
        return {
          run: () => matrices.backend.columnMoments(moments, x),
          verify: () => {
            const [values, found] = [x, moments].map((matrix) => matrices.read(matrix));
            for (let c = 0; c < C; c += 5) {
              const [mean, variance] = momentsOf(values, C, c);
              mustAgree(found[c], mean, SCALE);
              mustAgree(found[C + c], variance, SCALE);
            }
          },
        };
      },
    },
    {
      name,
      verb: "batchNorm",
      sizes,
      prepare: (matrices) => {
        const { backend } = matrices;
        const [x, weights] = [matrices.normal(n, C), matrices.normal(2, C)];
        const [moments, out] = [backend.alloc(2, C), backend.alloc(n, C)];
        backend.columnMoments(moments, x);
        return {
          run: () => backend.batchNorm(out, x, moments, weights, EPSILON),
          verify: () => {
            const [xs, ws, ms, ys] = [x, weights, moments, out].map((m) => matrices.read(m));
            for (let at = 0; at < n * C; at += 997) {
              const c = at % C;
              const xhat = (xs[at] - ms[c]) / Math.sqrt(ms[C + c] + EPSILON);
              mustAgree(ys[at], ws[c] * xhat + ws[C + c], SCALE * SCALE);
            }
          },
        };
      },
    },
    {
      name,
      verb: "batchNormSums",
      sizes,
      prepare: (matrices) => {
        const { backend } = matrices;
        const [x, g] = [matrices.normal(n, C), matrices.normal(n, C)];
        const [moments, sums] = [backend.alloc(2, C), backend.alloc(2, C)];
        backend.columnMoments(moments, x);
        return {
          run: () => backend.batchNormSums(sums, x, g, moments, EPSILON),
          verify: () => {
            const [xs, gs, ms, found] = [x, g, moments, sums].map((m) => matrices.read(m));
            for (let c = 0; c < C; c += 5) {
              let [scale, shift] = [0, 0];
              for (let at = c; at < n * C; at += C) {
                scale += gs[at] * (xs[at] - ms[c]) / Math.sqrt(ms[C + c] + EPSILON);
                shift += gs[at];
              }
              mustAgree(found[c], scale, n);
              mustAgree(found[C + c], shift, n);
            }
          },
        };
      },
    },
    {
      name,
      verb: "batchNormGradient",
      sizes,
      prepare: (matrices) => {
        const { backend } = matrices;
        const [x, g, weights] = [
          matrices.normal(n, C),
          matrices.normal(n, C),
          matrices.normal(2, C),
        ];
        const [moments, sums] = [backend.alloc(2, C), backend.alloc(2, C)];
        const out = backend.alloc(n, C);
        backend.columnMoments(moments, x);
        backend.batchNormSums(sums, x, g, moments, EPSILON);
        return {
          run: () => backend.batchNormGradient(out, x, g, moments, weights, sums, EPSILON),
          verify: () => {
            // Gradients of a batch that is normalised sum to 0, alone and times xhat.
            const [xs, ms, found] = [x, moments, out].map((m) => matrices.read(m));
            for (let c = 0; c < C; c += 5) {
              let [plain, along] = [0, 0];
              for (let at = c; at < n * C; at += C) {
                plain += found[at];
                along += found[at] * (xs[at] - ms[c]) / Math.sqrt(ms[C + c] + EPSILON);
              }
              mustAgree(plain, 0, n);
              mustAgree(along, 0, n);
            }
          },
        };
      },
    },
  ];
};

function momentsOf(x: ArrayLike<number>, cols: number, column: number): [number, number] {
  let [n, sum, squares] = [0, 0, 0];
  for (let at = column; at < x.length; at += cols) {
    n++;
    sum += x[at];
  }
  for (let at = column; at < x.length; at += cols) squares += (x[at] - sum / n) ** 2;
  return [sum / n, squares / n];
}

benchKernels(SHAPES.flatMap(benchesOf));
