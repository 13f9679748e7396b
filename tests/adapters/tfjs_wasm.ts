/** The framework's WASM backend, which cannot train a convolution by itself. */
import "npm:@tensorflow/tfjs-backend-wasm@4.22.0";
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
import assert from "#assert";
import { conv2d, createBackendSync, dense, flatten, relu, tanh } from "@tekfac/tekfac";
import { allClose } from "@tekfac/tekfac/testing";
import { ALLOWANCE, losses, tfjsModel, type Twin } from "./_tfjs_twin.ts";

await tf.setBackend("wasm");

const NETWORK: Twin = {
  input: [7, 9, 2],
  classes: 3,
  tfjs: () => [
    tfl.layers.conv2d({ filters: 4, kernelSize: 3, padding: "same", activation: "tanh" }),
    tfl.layers.conv2d({ filters: 5, kernelSize: [3, 2], strides: [2, 3], activation: "relu" }),
    tfl.layers.flatten({}),
    tfl.layers.dense({ units: 3 }),
  ],
  nn: [
    conv2d(4, { kernel: 3, padding: 1 }),
    tanh(),
    conv2d(5, { kernel: [3, 2], stride: [2, 3] }),
    relu(),
    flatten(),
    dense(3),
  ],
};

Deno.test("TekfacOptimizer trains convolutions as nn does: on the framework's WASM backend", async () => {
  assert.equal(tf.getBackend(), "wasm");
  using backend = createBackendSync();
  const tensors = tf.memory().numTensors;
  const { tfjs, nn } = await losses(backend, NETWORK);
  assert(nn.at(-1)! < 0.7 * nn[0]);
  allClose(tfjs, nn, ALLOWANCE);
  assert.equal(tf.memory().numTensors, tensors);
});

Deno.test("The framework's own optimizers cannot train a convolution on its WASM backend", async () => {
  const model = tfjsModel(NETWORK);
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  await assert.rejects(
    model.trainOnBatch(tf.zeros([2, 7, 9, 2]), tf.zeros([2, 3])) as Promise<number>,
    /Conv2DBackpropFilter/,
  );
});
