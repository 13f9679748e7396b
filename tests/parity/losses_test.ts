import type { LossKind } from "@tekfac/tekfac/backend";
import type { Random } from "@tekfac/tekfac/core";
import { type DenseMatrix, denseMatrix } from "@tekfac/tekfac/linalg";
import { inputs, parity, rounded, ROUNDOFF, unread } from "./_parity.ts";

const KINDS: readonly LossKind[] = [
  "softmaxCrossEntropy",
  "halfSumSquaredError",
  "meanSquaredError",
  "sigmoidCrossEntropy",
  "huber",
];
const SHAPES = [[0, 3], [1, 1], [2, 3], [3, 4], [5, 10], [4, 17], [2, 1003]];
/** Of the Huber loss delta, of the softmax its smoothing; others have none. */
const PARAMETERS: Partial<Record<LossKind, readonly number[]>> = {
  softmaxCrossEntropy: [0, 0.125],
  huber: [0.75],
};

/** Outputs of very different sizes, so that unguarded exponentials would overflow. */
function outputs(random: Random, n: number, k: number, scale: number): DenseMatrix {
  return rounded(denseMatrix(n, k, inputs(random, n, k).data.map((z) => scale * z)));
}

function uniforms(random: Random, rows: number, cols: number): DenseMatrix {
  const data = Float64Array.from({ length: rows * cols }, () => random.uniform());
  return rounded(denseMatrix(rows, cols, data));
}

function targetsOf(kind: LossKind, random: Random, n: number, k: number): DenseMatrix {
  if (kind === "sigmoidCrossEntropy") return uniforms(random, n, k);
  if (kind !== "softmaxCrossEntropy") return inputs(random, n, k);
  return denseMatrix(1, n, Float64Array.from({ length: n }, () => random.integer(k)));
}

for (const kind of KINDS) {
  parity(`loss() ${kind} agrees for small and very large outputs`, (check, random) => {
    for (const [n, k] of SHAPES) {
      for (const scale of [0.1, 3, 60]) {
        for (const parameter of PARAMETERS[kind] ?? [undefined]) {
          check({
            label: `${n}x${k} scale ${scale}, parameter ${parameter}`,
            outputs: [unread(1, n), unread(n, k)],
            inputs: [outputs(random, n, k, scale), targetsOf(kind, random, n, k)],
            call: (backend, [losses, gradients], [z, targets]) =>
              backend.loss(kind, losses, gradients, z, targets, parameter),
            absolute: 16 * ROUNDOFF * Math.max(1, scale),
            relative: 32 * ROUNDOFF,
          });
        }
      }
    }
  });

  parity(`sampledLossGradient() ${kind} draws the same targets`, (check, random) => {
    for (const [n, k] of SHAPES) {
      const noise = kind === "softmaxCrossEntropy"
        ? uniforms(random, 1, n)
        : kind === "sigmoidCrossEntropy"
        ? uniforms(random, n, k)
        : inputs(random, n, k);
      check({
        label: `${n}x${k}`,
        outputs: [unread(n, k)],
        inputs: [outputs(random, n, k, 2), noise],
        call: (backend, [gradients], [z, noise]) =>
          backend.sampledLossGradient(kind, gradients, z, noise),
        absolute: 16 * ROUNDOFF,
      });
    }
  });

  parity(
    `gaussNewtonGradient() ${kind} agrees for small and very large outputs`,
    (check, random) => {
      for (const [n, k] of SHAPES) {
        for (const scale of [0.1, 3, 60]) {
          const signs = inputs(random, n, k);
          signs.data.forEach((value, at) => signs.data[at] = value < 0 ? -1 : 1);
          check({
            label: `${n}x${k} scale ${scale}`,
            outputs: [unread(n, k)],
            inputs: [outputs(random, n, k, scale), signs],
            call: (backend, [gradients], [z, signs]) =>
              backend.gaussNewtonGradient(kind, gradients, z, signs),
            // Roots of exponentials of differences of outputs, and a sum of k of them.
            absolute: 16 * ROUNDOFF * Math.max(1, scale) * Math.sqrt(k),
          });
        }
      }
    },
  );
}

/** Means beside log variances of moderate size, whose exponentials have a relative error of their own. */
parity("gaussian losses and what curvature needs of them agree", (check, random) => {
  for (const [n, m] of [[0, 1], [1, 1], [3, 2], [5, 4], [4, 9], [2, 501]]) {
    const z = outputs(random, n, 2 * m, 2);
    const both = { inputs: [z, inputs(random, n, 2 * m)], relative: 64 * ROUNDOFF };
    const absolute = 64 * ROUNDOFF;
    check({
      ...both,
      label: `${n}x${m} loss`,
      outputs: [unread(1, n), unread(n, 2 * m)],
      call: (backend, [losses, gradients], [z, targets]) =>
        backend.loss("gaussian", losses, gradients, z, targets),
      // A sum of m terms that may cancel.
      absolute: absolute * m,
    });
    for (const verb of ["sampledLossGradient", "gaussNewtonGradient"] as const) {
      check({
        ...both,
        label: `${n}x${m} ${verb}`,
        outputs: [unread(n, 2 * m)],
        call: (backend, [gradients], [z, draws]) => backend[verb]("gaussian", gradients, z, draws),
        absolute,
      });
    }
  }
});
