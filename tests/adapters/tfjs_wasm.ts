/** The framework's WASM backend, which cannot train a convolution by itself. */
import "npm:@tensorflow/tfjs-backend-wasm@4.22.0";
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import assert from "#assert";
import { createBackendSync } from "@tekfac/tekfac";
import { allClose } from "@tekfac/tekfac/testing";
import { ALLOWANCE, CONVOLUTIONS, losses, tfjsModel } from "./_tfjs_twin.ts";

await tf.setBackend("wasm");

Deno.test("TekfacOptimizer trains convolutions as nn does: on the framework's WASM backend", async () => {
  assert.equal(tf.getBackend(), "wasm");
  using backend = createBackendSync();
  const tensors = tf.memory().numTensors;
  const { tfjs, nn } = await losses(backend, CONVOLUTIONS);
  assert(nn.at(-1)! < 0.7 * nn[0]);
  allClose(tfjs, nn, ALLOWANCE);
  assert.equal(tf.memory().numTensors, tensors);
});

Deno.test("The framework's own optimizers cannot train a convolution on its WASM backend", async () => {
  const model = tfjsModel(CONVOLUTIONS);
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  await assert.rejects(
    model.trainOnBatch(tf.zeros([2, 7, 9, 2]), tf.zeros([2, 3])) as Promise<number>,
    /Conv2DBackpropFilter/,
  );
});
