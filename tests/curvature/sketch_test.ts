import assert from "#assert";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import { Random } from "@tekfac/tekfac/core";
import { eachBackend, upload } from "@tekfac/tekfac/testing";
import { FactorSketch, inputRows } from "../../src/curvature/sketch.ts";

for (const [examples, rank, columns] of [[20, 32, 1281], [4, 8, 64], [32, 32, 256], [4, 32, 40]]) {
  eachBackend(
    Deno.test,
    `FactorSketch of ${rank} directions holds ${examples} rows of ${columns} numbers after its first renewal`,
    (backend) => {
      const random = new Random(2);
      const x = Float64Array.from(
        { length: examples * columns },
        () => Math.max(0, random.normal()),
      );
      using inputs = upload(backend, denseMatrix(examples, columns, [...x]));
      using outputGradients = upload(backend, denseMatrix(examples, 1, Array(examples).fill(1)));
      using sketch = new FactorSketch(backend, rank, columns);
      const rows = inputRows(backend, { kind: "dense", examples, inputs, outputGradients });
      const projected = backend.scope(() => {
        sketch.observe(rows, undefined, { decay: 0, scale: 1 / examples });
        sketch.renew();
        return Float64Array.from(backend.readSync(rows.project(sketch.basis)));
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
      const caught = projected.reduce((sum, value) => sum + value * value, 0);
      assert(Math.abs(1 - caught / total) < 1e-4, `${caught / total} of the squares`);
    },
  );
}
