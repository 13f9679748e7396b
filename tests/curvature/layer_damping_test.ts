import assert from "#assert";
import { createBackend, type Scalar } from "@tekfac/tekfac/backend";
import { type LayerKind, type Matrix, Random } from "@tekfac/tekfac/core";
import { LayerDamping, noiseEdge, NoiseFactor, resolveDamping } from "@tekfac/tekfac/curvature";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import { allClose, upload } from "@tekfac/tekfac/testing";

const LAYER = { kind: "dense", bias: true } as const;

Deno.test("relative damping is tau times the mean eigenvalue, at least tau times the floor", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  using dampingFactor = upload(backend, denseMatrix(1, 1, [3]));
  const lambdaOf = (traces: readonly number[], context = {}) => {
    const damping = resolveDamping("Cannot train", { kind: "relative", tau: 0.5, floor: 1e-12 });
    using layer = new LayerDamping(backend, LAYER, { damping, ...context });
    const [first, second] = traces.map((trace) => upload(backend, denseMatrix(1, 1, [trace])));
    const lambda = layer.at(0, () => [first, second], 4);
    assert.equal(layer.current, lambda);
    return backend.readSync(lambda as Matrix)[0];
  };
  assert.equal(lambdaOf([6]), 0.5 * 6 / 4);
  assert.equal(lambdaOf([6, 2]), 0.5 * 6 * 2 / 4);
  assert.equal(lambdaOf([6, 2], { dampingFactor }), 3 * 0.5 * 6 * 2 / 4);
  assert.equal(lambdaOf([0]), 0.5e-12);
  assert.equal(lambdaOf([NaN]), NaN);
});

Deno.test("relative damping counts in units of what chance makes of few examples, once it is told to", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  using trace = upload(backend, denseMatrix(1, 1, [6]));
  const lambdaOf = (kind: LayerKind, sides: readonly number[], noiseEdge: boolean) => {
    const damping = resolveDamping("Cannot train", { kind: "relative", tau: 0.5, noiseEdge });
    using layer = new LayerDamping(backend, kind, { damping, examples: () => 4 });
    return backend.readSync(layer.at(0, () => [trace], 4, sides) as Matrix)[0];
  };
  const dense = { kind: "dense", bias: true } as const;
  const mean = 0.5 * 6 / 4;
  assert.equal(lambdaOf(dense, [4, 16], false), mean);
  assert.equal(lambdaOf(dense, [], true), mean);
  // The squares of (1 + sqrt(4 / 4))^2 and (1 + sqrt(16 / 4))^2.
  assert.equal(lambdaOf(dense, [4, 16], true), mean * (4 * 9) ** 2);
  // Four positions of four examples.
  assert.equal(lambdaOf({ ...dense, positions: 4 }, [4, 16], true), mean * (1.5 ** 2 * 4) ** 2);
});

Deno.test("there is no edge of noise before anything was observed", () => {
  assert.equal(noiseEdge([0, 16], 0), 1);
});

Deno.test("the edge of noise is where eigenvalues of a second moment of noise end", () => {
  // 40 dimensions, 160 samples: the largest of 40 eigenvalues lies near (1 + 1/2)^2 = 2.25.
  const [dimensions, samples] = [40, 160];
  const random = new Random(7);
  const moment = new Float64Array(dimensions ** 2);
  for (let n = 0; n < samples; n++) {
    const x = Float64Array.from({ length: dimensions }, () => random.normal());
    moment.forEach((_, i) => {
      moment[i] += x[Math.trunc(i / dimensions)] * x[i % dimensions] / samples;
    });
  }
  let vector = new Float64Array(dimensions).fill(1);
  let largest = 0;
  for (let k = 0; k < 500; k++) {
    const next = vector.map((_, row) =>
      vector.reduce((sum, value, col) => sum + moment[row * dimensions + col] * value, 0)
    );
    largest = Math.hypot(...next);
    vector = next.map((value) => value / largest);
  }
  // Deviations are of the order of dimensions^(-2/3) of it (Tracy & Widom).
  const edge = noiseEdge([dimensions], samples);
  assert(Math.abs(largest / edge - 1) < 2 * dimensions ** (-2 / 3), `${largest} at ${edge}`);
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

Deno.test("phi bounds the square of the noise edge of every layer, and follows what steps promise", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  using noise = new NoiseFactor(backend);
  using trace = upload(backend, denseMatrix(1, 1, [6]));
  const damping = resolveDamping("Cannot train", { kind: "relative", tau: 0.5, noiseEdge: true });
  const context = { damping, examples: () => 4, noise: noise.factor };
  using layer = new LayerDamping(backend, LAYER, context);
  const lambda = () => backend.readSync(layer.at(0, () => [trace], 3, [4]) as Matrix)[0];
  const heed = (product: number, loss: number) => {
    using matrix = upload(backend, denseMatrix(1, 1, [product]));
    noise.heed(matrix, loss);
    return backend.readSync(noise.factor)[0];
  };
  const most = noiseEdge([4], 4) ** 2; // 16
  assert.equal(lambda(), 0.5 * 2); // phi is 1
  const begin = (product: number, loss: number) => {
    using matrix = upload(backend, denseMatrix(1, 1, [product]));
    noise.begin(matrix, loss);
    return backend.readSync(noise.factor)[0];
  };
  assert.equal(begin(NaN, 3), 1);
  assert.equal(begin(5, 3), 1); // never below it
  assert.equal(begin(1e9, 3), 64); // never beyond
  assert.equal(begin(48, 3), 8); // p = 8
  assert.equal(lambda(), 0.5 * 2 * 8);
  allClose([heed(1.5 * 2 ** -4, 3)], [8 * 2 ** -0.5], { relative: 1e-12 }); // 4 p = 2^-4
  for (let i = 0; i < 4; i++) heed(0, 3); // 4 p counts as 2^-8
  assert.equal(heed(0, 3), 1);
  allClose([heed(1.5 * 16, 3)], [2 ** 0.5], { relative: 1e-12 }); // 4 p = 16
  allClose([lambda()], [0.5 * 2 * 2 ** 0.5], { relative: 1e-12 });
  for (let i = 0; i < 5; i++) heed(1e9, 3); // 4 p counts as 2^8
  allClose([heed(1.5, 3)], [2 ** 5.5], { relative: 1e-12 }); // 4 p = 1
  assert.equal(heed(1e9, 3), 64);
  allClose([lambda()], [0.5 * 2 * most], { relative: 1e-12 });
  // A negative loss counts as a nat, and what is not finite changes nothing.
  assert.equal(heed(0.5, -5), 64);
  assert.deepEqual([heed(NaN, 3), heed(Infinity, 3)], [64, 64]);
});
