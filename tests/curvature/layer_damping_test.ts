import assert from "#assert";
import { createBackend, type Scalar } from "@tekfac/tekfac/backend";
import type { Matrix } from "@tekfac/tekfac/core";
import { LayerDamping, resolveDamping } from "@tekfac/tekfac/curvature";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import { upload } from "@tekfac/tekfac/testing";

const LAYER = { kind: "dense", bias: true } as const;

Deno.test("relative damping is tau times the mean eigenvalue, at least tau times the floor", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  using dampingFactor = upload(backend, denseMatrix(1, 1, [3]));
  const lambdaOf = (traces: readonly number[], context = {}) => {
    const damping = resolveDamping("Cannot train", { kind: "relative", tau: 0.5, floor: 1e-12 });
    using layer = new LayerDamping(backend, LAYER, { damping, ...context });
    const [first, second] = traces.map((trace) => upload(backend, denseMatrix(1, 1, [trace])));
    const lambda = layer.at(0, () => [first, second], 1 / 4);
    assert.equal(layer.current, lambda);
    return backend.readSync(lambda as Matrix)[0];
  };
  assert.equal(lambdaOf([6]), 0.5 * 6 / 4);
  assert.equal(lambdaOf([6, 2]), 0.5 * 6 * 2 / 4);
  assert.equal(lambdaOf([6, 2], { dampingFactor }), 3 * 0.5 * 6 * 2 / 4);
  assert.equal(lambdaOf([0]), 0.5e-12);
  assert.equal(lambdaOf([NaN]), NaN);
});

Deno.test("the paper's damping of a dense layer is a multiple of the largest of the convolutions", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  using five = upload(backend, denseMatrix(1, 1, [5]));
  const damping = resolveDamping("Cannot train", { kind: "paper", lambda: 0.5 });
  for (const lambdas of [[2, five, 3], [five], [7, 2]] as Scalar[][]) {
    const convolutions = () => lambdas.map((value) => ({ lambda: () => value }));
    using layer = new LayerDamping(backend, LAYER, { damping, convolutions });
    const lambda = layer.at(0, () => assert.fail("no trace is needed"), 1);

    const largest = Math.max(...lambdas.map((value) => typeof value === "number" ? value : 5));
    assert.equal(backend.readSync(lambda as Matrix)[0], 0.5 * largest);
  }
});
