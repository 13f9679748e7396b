import { gpuParity, inputs, ROUNDOFF, unread } from "./_parity.ts";

/** Sizes from which on a GPU is busy with large tiles, and none of them is full. */
const [M, N] = [1450, 1420];

for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    const name = `gemm() of ${transposeA ? "A^T" : "A"} ${transposeB ? "B^T" : "B"}`;
    gpuParity(`${name} agrees with its definition in large tiles`, (check, random) => {
      const k = 19;
      check({
        label: `${M}x${N}x${k}`,
        outputs: [inputs(random, M, N)],
        inputs: [
          transposeA ? inputs(random, k, M) : inputs(random, M, k),
          transposeB ? inputs(random, N, k) : inputs(random, k, N),
        ],
        call: (backend, [c], [a, b]) =>
          backend.gemm(c, a, b, { transposeA, transposeB, alpha: -1.5, beta: 0.5 }),
        absolute: 8 * ROUNDOFF * k,
      });
    });
  }
}

gpuParity("secondMoment() agrees with its definition in large tiles", (check, random) => {
  check({
    label: `7x${M}`,
    outputs: [unread(M, M)],
    inputs: [inputs(random, 7, M), inputs(random, 1, 7)],
    call: (backend, [c], [x, weights]) => backend.secondMoment(c, x, { weights }),
    absolute: 64 * ROUNDOFF,
    relative: 8 * ROUNDOFF,
  });
});

gpuParity(
  "conv2d() and its gradients agree in large tiles and shared-out sums",
  (check, random) => {
    const geometry = {
      channels: 2,
      height: 130,
      width: 128,
      kernel: [3, 3],
      stride: [1, 1],
      padding: [1, 1],
      dilation: [1, 1],
      bias: true,
    } as const;
    const [pixels, depth, outputs] = [130 * 128, 19, 5];
    const images = inputs(random, pixels, 2);
    const weights = inputs(random, outputs, depth);
    const g = inputs(random, pixels, outputs);
    check({
      label: "forward",
      outputs: [unread(pixels, outputs)],
      inputs: [images, weights],
      call: (backend, [out], [x, w]) => backend.conv2d(out, x, w, geometry),
      absolute: 8 * ROUNDOFF * depth,
    });
    check({
      label: "data gradient",
      outputs: [unread(pixels, 2)],
      inputs: [g, weights],
      call: (backend, [out], [x, w]) => backend.conv2dDataGradient(out, x, w, geometry),
      absolute: 8 * ROUNDOFF * 9 * outputs,
    });
    check({
      label: "weight gradient",
      outputs: [inputs(random, outputs, depth)],
      inputs: [images, g],
      call: (backend, [out], [x, y]) =>
        backend.conv2dWeightGradient(out, x, y, geometry, { decay: 0.5, scale: 0.25 }),
      // Sums of about 130, of runs of a few hundred terms.
      absolute: 4 * ROUNDOFF * 300 * 16,
    });
  },
);
