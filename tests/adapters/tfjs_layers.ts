/** Layers beyond dense ones and plain convolutions against `nn`: equal weights, equal batches, equal losses. */
import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
import assert from "#assert";
import { batchNorm2d, conv2d, createBackendSync, dense, flatten, relu, tanh } from "@tekfac/tekfac";
import { conv1d } from "@tekfac/tekfac/nn";
import { allClose } from "@tekfac/tekfac/testing";
import { ALLOWANCE, CONVOLUTIONS, losses, STEPS, TOKENS, type Twin } from "./_tfjs_twin.ts";

await tf.setBackend("cpu");

const { layers } = tfl;
const activation = "tanh";

const TWINS: Readonly<Record<string, Twin>> = {
  "tokens, layer normalisation, dense layers on every position": TOKENS,
  "convolutions of sequences": {
    input: [9, 2],
    classes: 3,
    tfjs: () => [
      layers.conv1d({ filters: 4, kernelSize: 3, activation }),
      layers.conv1d({ filters: 3, kernelSize: 3, strides: 2, activation, useBias: false }),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ],
    nn: [
      ...[conv1d(4, { kernel: 3 }), tanh(), conv1d(3, { kernel: 3, stride: 2, bias: false })],
      ...[tanh(), flatten(), dense(3)],
    ],
  },
  "depthwise and separable convolutions": {
    input: [6, 5, 2],
    classes: 3,
    tfjs: () => [
      layers.depthwiseConv2d({ kernelSize: 3, padding: "same", depthMultiplier: 2, activation }),
      layers.separableConv2d({ filters: 3, kernelSize: 3, padding: "same", activation }),
      layers.separableConv2d({
        ...{ filters: 3, kernelSize: 3, strides: 2, depthMultiplier: 2, activation },
        useBias: false,
      }),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ],
    counts: [2, 1, 2, 1, 1, 2],
    nn: [
      ...[conv2d(4, { kernel: 3, padding: 1, groups: 2 }), tanh()],
      ...[conv2d(4, { kernel: 3, padding: 1, groups: 4, bias: false }), conv2d(3, { kernel: 1 })],
      ...[tanh(), conv2d(6, { kernel: 3, stride: 2, groups: 3, bias: false })],
      ...[conv2d(3, { kernel: 1, bias: false }), tanh(), flatten(), dense(3)],
    ],
  },
  "a convolution at every step, batch normalisation": {
    // Images below each other, whose windows do not overlap.
    input: [3, 2, 5, 2],
    seenByNn: { shape: [6, 5, 2], of: (inputs) => inputs },
    classes: 3,
    tfjs: () => [
      layers.timeDistributed({
        layer: layers.conv2d({ filters: 3, kernelSize: [2, 3], activation }),
      }),
      layers.reshape({ targetShape: [3, 3, 3] }),
      layers.batchNormalization({ epsilon: 1e-3 }),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ],
    nn: [
      ...[conv2d(3, { kernel: [2, 3], stride: [2, 1] }), tanh(), batchNorm2d({ epsilon: 1e-3 })],
      ...[flatten(), dense(3)],
    ],
  },
  "weights used twice, models inside models": (() => {
    const [first, second, third] = [dense(6), dense(5), dense(6)];
    return {
      input: [6],
      classes: 3,
      tfjs() {
        const shared = layers.dense({ units: 6, activation });
        const deep = tfl.sequential({
          layers: [layers.dense({ units: 6, activation, inputShape: [5] })],
        });
        const nested = tfl.sequential({
          layers: [layers.dense({ units: 5, activation, inputShape: [6] }), deep],
        });
        const head = layers.dense({ units: 3 });
        const inputs = tfl.input({ shape: [6] });
        const outputs = [shared, shared, nested, nested, head].reduce(
          (x, layer) => layer.apply(x) as tfl.SymbolicTensor,
          inputs,
        );
        const model = tfl.model({ inputs, outputs });
        return { model, weighted: [shared, nested.layers[0], deep.layers[0], head] };
      },
      nn: [
        ...[first, tanh(), first, tanh()],
        ...[second, tanh(), third, tanh(), second, tanh(), third, tanh(), dense(3)],
      ],
    };
  })(),
  "a model at every step of a sequence": {
    input: [4, 3],
    classes: 3,
    tfjs: () => [
      layers.timeDistributed({
        layer: tfl.sequential({
          layers: [
            layers.dense({ units: 5, activation, inputShape: [3] }),
            layers.dense({ units: 3, activation: "relu" }),
          ],
        }) as unknown as tfl.layers.Layer,
      }),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ],
    counts: [2, 2, 2],
    nn: [dense(5), tanh(), dense(3), relu(), flatten(), dense(3)],
  },
};

async function compare(twin: Twin): Promise<void> {
  using backend = createBackendSync();
  const tensors = tf.memory().numTensors;
  const { tfjs, nn } = await losses(backend, twin);
  assert.equal(tfjs.length, STEPS);
  assert(nn[STEPS - 1] < 0.9 * nn[0], `nothing is learned: ${nn[0]} to ${nn[STEPS - 1]}`);
  allClose(tfjs, nn, ALLOWANCE);
  assert.equal(tf.memory().numTensors, tensors);
}

// Absolute damping: of a model at every step the adapter does not know the number of steps in advance.
const options = { damping: { kind: "absolute", lambda: 0.05 } } as const;

for (const [name, twin] of Object.entries(TWINS)) {
  for (const method of ["tekfac", "ekfac", "tkfac", "kfac"] as const) {
    Deno.test(`TekfacOptimizer trains as nn does: ${name}, ${method}`, async () => {
      await compare({ ...twin, options: { method, ...options } });
    });
  }
}

Deno.test("TekfacOptimizer trains as nn does: damping of tokens and positions is relative", async () => {
  await compare(TOKENS);
});

for (const method of ["adam", "sgd", "muon"] as const) {
  Deno.test(`TekfacOptimizer trains as nn does: ${method}`, async () => {
    const options = { method, learningRate: 0.02 };
    await compare({ ...CONVOLUTIONS, options });
    await compare({ ...TOKENS, options });
  });
}

Deno.test("TekfacOptimizer trains as nn does: soap", async () => {
  // Square matrices, whose gradients leave no null space for rounding to choose bases in; and an epsilon above what
  // rounding leaves where a gradient vanishes, which a small one would blow up to steps.
  await compare({
    input: [6],
    classes: 6,
    tfjs: () => [
      layers.dense({ units: 6, activation, useBias: false }),
      layers.dense({ units: 6, useBias: false }),
    ],
    nn: [dense(6, { bias: false }), tanh(), dense(6, { bias: false })],
    options: { method: "soap", learningRate: 0.05, epsilon: 1e-2 },
  });
});
