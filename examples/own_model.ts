/**
 * Curvature without `nn`: a logistic regression written by hand gives its captures to a block. Its
 * features differ in scale by a factor of a hundred, so the eigenvalues of its curvature differ by
 * a factor of about ten thousand.
 *
 *     deno run examples/own_model.ts
 *
 * @module
 */

import { createBackend } from "@tekfac/tekfac";
import { Random } from "@tekfac/tekfac/core";
import { MovingAverage, resolveDamping, TekfacBlock } from "@tekfac/tekfac/curvature";

const N = 200, scales = [1, 10, 100];
const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));
const random = new Random(5);
const inputs = new Float32Array(N * 4); // three features and the homogeneous 1
const labels = new Float32Array(N);
for (let n = 0; n < N; n++) {
  const [x, y, z] = scales.map(() => random.normal());
  inputs.set([scales[0] * x, scales[1] * y, scales[2] * z, 1], 4 * n);
  labels[n] = random.uniform() < sigmoid(2 * x - y + z) ? 1 : 0;
}

using backend = await createBackend();
using value = backend.alloc(1, 4);
using gradient = backend.alloc(1, 4);
using abar = backend.alloc(N, 4);
using g = backend.alloc(N, 1);
backend.write(abar, inputs);

const parameter = { name: "w", layer: { kind: "dense", bias: true }, value, gradient } as const;
const damping = resolveDamping("Cannot create the block", { kind: "absolute", lambda: 0.01 });
using block = new TekfacBlock(backend, parameter, { damping });
const factors = new MovingAverage("corrected"), eigenvalues = new MovingAverage("corrected");

for (let step = 0; step <= 40; step++) {
  const loss = backend.scope(() => {
    const logits = backend.scratch(N, 1);
    backend.gemm(logits, abar, value, { transposeB: true });
    const z = Float64Array.from(backend.readSync(logits));
    // Gradients of each example's own loss, not of the mean.
    backend.write(g, z.map((z, n) => sigmoid(z) - labels[n]));
    backend.gemm(gradient, g, abar, { transposeA: true, alpha: 1 / N });

    const capture = { kind: "dense", examples: N, inputs: abar, outputGradients: g } as const;
    block.observeStatistics(capture, factors.observe(0.95, N));
    backend.eigh(block.beginRefresh(0, false));
    block.finishRefresh(step);
    block.observeEigenvalues(capture, eigenvalues.observe(0.95, N));

    const direction = backend.scratch(1, 4);
    block.precondition(direction, gradient, step);
    backend.axpby(value, -0.3, direction, 1);
    return z.reduce((sum, z, n) => sum + Math.log1p(Math.exp(labels[n] ? -z : z)) / N, 0);
  });
  if (step % 10 === 0) console.log(`step ${step}: loss ${loss.toFixed(4)}`);
}
const weights = backend.readSync(value);
console.log("weights of the features in units of their scale (true: 2, -1, 1):");
console.log(scales.map((scale, i) => (scale * weights[i]).toFixed(2)).join(", "));
