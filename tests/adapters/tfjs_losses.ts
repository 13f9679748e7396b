/** The adapter against `nn`: equal weights, equal batches, equal losses. */
import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
import assert from "#assert";
import { conv2d, createBackendSync, dense, flatten, tanh } from "@tekfac/tekfac";
import { allClose } from "@tekfac/tekfac/testing";
import { ALLOWANCE, CONVOLUTIONS, DENSE, losses, STEPS, type Twin } from "./_tfjs_twin.ts";

await tf.setBackend("cpu");

async function compare(twin: Twin): Promise<number[]> {
  using backend = createBackendSync();
  const tensors = tf.memory().numTensors;
  const { tfjs, nn } = await losses(backend, twin);
  assert.equal(tfjs.length, STEPS);
  assert(nn[STEPS - 1] < 0.7 * nn[0], `nothing is learned: ${nn[0]} to ${nn[STEPS - 1]}`);
  allClose(tfjs, nn, ALLOWANCE);
  assert.equal(tf.memory().numTensors, tensors);
  return tfjs;
}

const found: number[][] = [];
for (const method of ["tekfac", "ekfac", "tkfac", "kfac"] as const) {
  Deno.test(`TekfacOptimizer trains dense layers as nn does: ${method}`, async () => {
    const tfjs = await compare({ ...DENSE, options: { method } });
    // The methods differ by far more than is allowed: a wrong one would be seen.
    for (const other of found) assert.throws(() => allClose(tfjs, other, ALLOWANCE));
    found.push(tfjs);
  });
}

Deno.test("TekfacOptimizer trains as nn does: all options of a method reach it", async () => {
  await compare({
    ...DENSE,
    options: {
      damping: { kind: "absolute", lambda: 0.05 },
      learningRate: 0.1,
      klClip: false,
      momentum: { on: "update", value: 0.5 },
      weightDecay: { kind: "decoupled", value: 0.01 },
      intervals: { statistics: 2, basis: 4, eigenvalues: 2 },
      denseStart: false,
      exponent: 0.8,
    },
  });
});

Deno.test("TekfacOptimizer trains convolutions as nn does: stride, 'same' and 'valid'", async () => {
  await compare(CONVOLUTIONS);
});

Deno.test("TekfacOptimizer trains convolutions as nn does: dilation, no bias", async () => {
  await compare({
    input: [9, 8, 2],
    classes: 3,
    tfjs: () => [
      tfl.layers.conv2d({ filters: 4, kernelSize: 3, dilationRate: 2, activation: "tanh" }),
      tfl.layers.conv2d({
        filters: 2,
        kernelSize: 3,
        padding: "same",
        dilationRate: [2, 1],
        useBias: false,
        activation: "tanh",
      }),
      tfl.layers.flatten({}),
      tfl.layers.dense({ units: 3 }),
    ],
    nn: [
      conv2d(4, { kernel: 3, dilation: 2 }),
      tanh(),
      conv2d(2, { kernel: 3, dilation: [2, 1], padding: [2, 1], bias: false }),
      tanh(),
      flatten(),
      dense(3),
    ],
  });
});

Deno.test("TekfacOptimizer trains convolutions as nn does: 'same' with more zeros below than above", async () => {
  // 8 x 6 images, windows of 3 x 4, stride 2: one zero below; one left and one right.
  const zeros = (images: Float32Array): Float32Array => {
    const padded = new Float32Array(images.length / (8 * 6) * (9 * 8));
    for (let pixel = 0; pixel < images.length / 2; pixel++) {
      const [n, y, x] = [Math.floor(pixel / 48), Math.floor(pixel / 6) % 8, pixel % 6];
      padded.set(images.subarray(2 * pixel, 2 * pixel + 2), 2 * ((n * 9 + y) * 8 + x + 1));
    }
    return padded;
  };
  await compare({
    input: [8, 6, 2],
    classes: 3,
    tfjs: () => [
      tfl.layers.conv2d({
        filters: 3,
        kernelSize: [3, 4],
        strides: 2,
        padding: "same",
        activation: "tanh",
      }),
      tfl.layers.flatten({}),
      tfl.layers.dense({ units: 3 }),
    ],
    nn: [conv2d(3, { kernel: [3, 4], stride: 2 }), tanh(), flatten(), dense(3)],
    seenByNn: { shape: [9, 8, 2], of: zeros },
  });
});
