import assert from "#assert";
import { independent, LowRankBlock } from "@tekfac/tekfac/curvature";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import { Random } from "@tekfac/tekfac/core";
import { dense, sequential } from "@tekfac/tekfac/nn";
import { eachBackend, upload } from "@tekfac/tekfac/testing";

for (const [examples, rank, columns] of [[20, 32, 1281], [4, 8, 64], [32, 32, 256], [4, 32, 40]]) {
  eachBackend(
    Deno.test,
    `LowRankBlock of ${rank} directions holds ${examples} rows of ${columns} numbers after its first renewal`,
    (backend) => {
      const random = new Random(2);
      const x = Float64Array.from(
        { length: examples * columns },
        () => Math.max(0, random.normal()),
      );
      using inputs = upload(backend, denseMatrix(examples, columns, [...x]));
      using outputGradients = upload(backend, denseMatrix(examples, 1, Array(examples).fill(1)));
      const layer = dense(1, { bias: false });
      using model = sequential(backend, { input: [columns], layers: [layer], seed: 1 });
      using block = new LowRankBlock(backend, model.parameters[0], {
        ...{ method: "ekfac", statistic: independent, rank },
        damping: { kind: "absolute", lambda: 1 },
      });
      const sketch = block.input;
      backend.scope(() => {
        const capture = { kind: "dense", examples, inputs, outputGradients } as const;
        const observe = () => block.observeStatistics(capture, { decay: 0, scale: 1 / examples });
        observe();
        if (block.findBasis(examples)) observe();
        block.finishRefresh();
      });
      const q = backend.readSync(sketch.basis);
      const row = (i: number) => Array.from({ length: columns }, (_, j) => q[i * columns + j]);
      const basis = Array.from({ length: rank }, (_, i) => row(i));
      const dot = (a: number[], b: number[]) => a.reduce((sum, value, j) => sum + value * b[j], 0);
      basis.forEach((a, i) =>
        basis.forEach((b, l) => assert(Math.abs(dot(a, b) - Number(i === l)) < 1e-3))
      );
      // What of the rows' squares lies outside the basis: less than the shift of a renewal, 1e-3, to the power 2.
      const total = x.reduce((sum, value) => sum + value * value, 0);
      let caught = 0;
      for (let n = 0; n < examples; n++) {
        const x_n = [...x.subarray(n * columns, (n + 1) * columns)];
        for (const direction of basis) caught += dot(direction, x_n) ** 2;
      }
      assert(Math.abs(1 - caught / total) < 1e-4, `${caught / total} of the squares`);
    },
  );
}
