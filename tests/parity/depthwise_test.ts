import { locationsOf, patchLength } from "@tekfac/tekfac/core";
import type { DenseMatrix } from "@tekfac/tekfac/linalg";
import { describeGeometry } from "@tekfac/tekfac/testing";
import { EXAMPLES, geometries } from "./_geometries.ts";
import { inputs, parity, ROUNDOFF, unread } from "./_parity.ts";

/** Channels: one strip of the kernels, less, more, and several. */
const CHANNELS = [1, 3, 8, 17, 33];

/** A sum of n products of normal numbers, none above 25 a factor, summed one by one. */
const sumError = (n: number, largest = 25): number =>
  4 * ROUNDOFF * (n + 4) * Math.sqrt(n + 1) * largest / 25;

/** Matrices one below the other, upper triangles mirrored. */
function symmetric(stack: DenseMatrix): DenseMatrix {
  const d = stack.cols;
  stack.data.forEach((_, i) => {
    const [row, k, l] = [Math.floor(i / (d * d)) * d, Math.floor(i / d) % d, i % d];
    if (k > l) stack.data[i] = stack.data[(row + l) * d + k];
  });
  return stack;
}

parity("depthwiseSecondMoment() equals the definition for every geometry", (check, random) => {
  geometries(random).forEach((plain, i) => {
    const channels = CHANNELS[i % CHANNELS.length];
    const geometry = { ...plain, channels, groups: channels };
    const examples = EXAMPLES[i % EXAMPLES.length];
    const d = patchLength(geometry);
    const rows = examples * locationsOf(geometry);
    const shape = [channels * d, d] as const;
    const images = inputs(random, examples * geometry.height * geometry.width, channels);
    const weights = i % 2 === 0 ? [inputs(random, rows, channels)] : [];
    const decay = i % 3 === 0 ? 0.5 : 0;
    check({
      label: `${describeGeometry(geometry)} ${examples} examples, weights ${weights.length}`,
      outputs: [decay === 0 ? unread(...shape) : symmetric(inputs(random, ...shape))],
      inputs: [images, ...weights],
      call: (backend, [c], [x, weights]) => {
        const blend = { decay, scale: 0.25 };
        const options = weights === undefined ? blend : { ...blend, weights };
        backend.depthwiseSecondMoment(c, x, geometry, options);
      },
      absolute: sumError(rows, 100),
    });
  });
});

parity("depthwiseSquaredProjection() equals the definition for every geometry", (check, random) => {
  geometries(random).forEach((plain, i) => {
    const channels = CHANNELS[i % CHANNELS.length];
    const geometry = { ...plain, channels, groups: channels };
    const examples = EXAMPLES[(i + 1) % EXAMPLES.length];
    const d = patchLength(geometry);
    const T = locationsOf(geometry);
    const images = inputs(random, examples * geometry.height * geometry.width, channels);
    const g = inputs(random, examples * T, channels);
    // What is measured need not be orthogonal; entries of size d^(-1/2) keep lengths.
    const basis = inputs(random, channels * d, d);
    basis.data.forEach((value, j) => basis.data[j] = Math.fround(value / Math.sqrt(d)));
    const decay = i % 3 === 0 ? 0.5 : 0;
    check({
      label: `${describeGeometry(geometry)} ${examples} examples`,
      outputs: [decay === 0 ? unread(channels, d) : inputs(random, channels, d)],
      inputs: i % 2 === 0 ? [images, g, basis] : [images, g],
      call: (backend, [theta], [images, outputGradients, basis]) => {
        const capture = { kind: "conv2d", examples, geometry, images, outputGradients } as const;
        backend.depthwiseSquaredProjection(theta, capture, basis, { decay, scale: 0.25 });
      },
      // Squares of sums of T + d terms.
      absolute: 8 * (examples + 1) * sumError(T + d) * Math.sqrt(T) * 5,
    });
  });
});

parity("stackedGemm() equals the definition for all sizes and transpositions", (check, random) => {
  for (const parts of [0, 1, 5]) {
    for (const [m, n, k] of [[1, 10, 10], [3, 2, 5], [9, 9, 9], [2, 3, 0]]) {
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          const beta = transposeA ? 0.5 : 0;
          const shape = [parts * m, n] as const;
          check({
            label: `${parts} of ${m} x ${k} x ${n}, transposed ${transposeA} and ${transposeB}`,
            outputs: [beta === 0 ? unread(...shape) : inputs(random, ...shape)],
            inputs: [
              transposeA ? inputs(random, parts * k, m) : inputs(random, parts * m, k),
              transposeB ? inputs(random, parts * n, k) : inputs(random, parts * k, n),
            ],
            call: (backend, [c], [a, b]) =>
              backend.stackedGemm(c, a, b, parts, { transposeA, transposeB, alpha: 0.25, beta }),
            absolute: sumError(k),
          });
        }
      }
    }
  }
});
