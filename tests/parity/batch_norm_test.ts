import { type DenseMatrix, denseMatrix } from "@tekfac/tekfac/linalg";
import { inputs, parity, rounded, ROUNDOFF, unread } from "./_parity.ts";

/** Rows around a chunk of 128 and a block of 1024; columns around a strip of 4 and a group of 16. */
const SHAPES = [
  [1, 1],
  [5, 3],
  [127, 4],
  [129, 5],
  [700, 18],
  [1025, 16],
  [2300, 7],
] as const;

/**
 * Roundings of a sum over a chunk: 32 additions in each of four lines, and what joins them. A GPU adds 64
 * in each line of a block, then 16 lines, then the blocks.
 */
const ROUNDINGS = 40;
const GPU_ROUNDINGS = 80;

/** The largest distance between two numbers of a column. */
function spread(x: DenseMatrix): number {
  let most = 0;
  for (let at = x.cols; at < x.data.length; at++) {
    most = Math.max(most, Math.abs(x.data[at] - x.data[at % x.cols]));
  }
  return 2 * most;
}

const largest = (x: DenseMatrix) =>
  x.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Means and variances of `cols` columns. */
const moments = (cols: number) =>
  denseMatrix(2, cols, Float64Array.from({ length: 2 * cols }, (_, i) => (1 + i % 7) / 4));

parity("columnMoments() keeps the digits of the variance whatever the mean", (check, random) => {
  for (const [rows, cols] of SHAPES) {
    for (const mean of [0, 1000]) {
      const normals = inputs(random, rows, cols);
      const x = rounded(denseMatrix(rows, cols, normals.data.map((value) => value + mean)));
      const d = spread(x);
      // The mean itself is rounded; sums of squares without a shift would lose mean^2 roundings.
      const allowed = (roundings: number) => ROUNDOFF * (mean + roundings * Math.max(d, d * d));
      check({
        label: `${rows}x${cols} about ${mean}`,
        outputs: [unread(2, cols)],
        inputs: [x],
        call: (backend, [out], [values]) => backend.columnMoments(out, values),
        absolute: allowed(ROUNDINGS),
        webgpu: { absolute: allowed(GPU_ROUNDINGS + rows / 1024) },
      });
    }
  }
});

parity("columnMoments() of no rows is 0", (check) => {
  check({
    label: "0x5",
    outputs: [unread(2, 5)],
    inputs: [denseMatrix(0, 5)],
    call: (backend, [out], [x]) => backend.columnMoments(out, x),
  });
});

parity("batchNorm() agrees to a few roundings", (check, random) => {
  for (const [rows, cols] of SHAPES) {
    const x = inputs(random, rows, cols), weights = inputs(random, 2, cols);
    check({
      label: `${rows}x${cols}`,
      outputs: [unread(rows, cols)],
      inputs: [x, moments(cols), weights],
      call: (backend, [out], [x, moments, weights]) =>
        backend.batchNorm(out, x, moments, weights, 0.125),
      // (x - mean) scale / deviation: five roundings of at most |scale| (|x| + 2) / sqrt(3/8).
      absolute: 8 * ROUNDOFF * largest(weights) * (largest(x) + 3),
      webgpu: { absolute: 16 * ROUNDOFF * largest(weights) * (largest(x) + 3) },
    });
  }
});

parity("batchNormSums() agrees to the roundings of a chunk's sums", (check, random) => {
  for (const [rows, cols] of SHAPES) {
    const x = inputs(random, rows, cols), g = inputs(random, rows, cols);
    // Two lines of 64 in a chunk, and the worst case of every chunk adds up.
    const scale = ROUNDOFF * rows * 2 * largest(g) * (largest(x) + 3);
    check({
      label: `${rows}x${cols}`,
      outputs: [unread(2, cols)],
      inputs: [x, g, moments(cols)],
      call: (backend, [out], [x, g, moments]) => backend.batchNormSums(out, x, g, moments, 0.125),
      absolute: Math.min(rows, 72) * scale,
      webgpu: { absolute: Math.min(rows, GPU_ROUNDINGS + rows / 1024) * scale },
    });
  }
});

parity("batchNormGradient() agrees to a few roundings", (check, random) => {
  for (const [rows, cols] of SHAPES) {
    const x = inputs(random, rows, cols), g = inputs(random, rows, cols);
    const weights = inputs(random, 2, cols);
    const sums = rounded(denseMatrix(2, cols, inputs(random, 2, cols).data.map((s) => rows * s)));
    const scale = ROUNDOFF * largest(weights) * 2 * (largest(g) + 8 * (largest(x) + 3));
    check({
      label: `${rows}x${cols}`,
      outputs: [unread(rows, cols)],
      inputs: [x, g, moments(cols), weights, sums],
      call: (backend, [out], [x, g, moments, weights, sums]) =>
        backend.batchNormGradient(out, x, g, moments, weights, sums, 0.125),
      absolute: 8 * scale,
      webgpu: { absolute: 16 * scale },
    });
  }
});
