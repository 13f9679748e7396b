/**
 * A page without a face: trains models of TensorFlow.js on its webgpu backend, on a GPU device that it
 * shares with this library. `tfjs_webgpu.ts` of the folder above calls these functions over there.
 *
 * @module
 */

import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
import "npm:@tensorflow/tfjs-backend-webgpu@4.22.0";
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
import { type Backend, createBackend, createBackendSync } from "@tekfac/tekfac";
import { TekfacOptimizer } from "@tekfac/tekfac/tfjs";
import { CONVOLUTIONS, crossEntropy, DENSE, losses, TOKENS } from "../_tfjs_twin.ts";

/** How a network was trained. */
export interface Trained {
  /** Losses by the adapter, on the framework's webgpu backend. */
  readonly tfjs: readonly number[];
  /** Losses by `nn`, on the host. */
  readonly nn: readonly number[];
  /** Bytes that came from the GPU to the host, of the framework and of this library. */
  readonly bytesRead: number;
  /** Tensors that are left over. */
  readonly leftover: number;
}

/** A shared GPU beside the first steps of a training. */
export interface Remainder {
  /** Steps that `readReport` tells of. */
  readonly reported: readonly (number | undefined)[];
  /** Losses after as many steps: of a training, and of one that took its state over. */
  readonly resumed: readonly (readonly number[])[];
  /** Messages about other devices and backends. */
  readonly refusals: readonly string[];
}

async function device(): Promise<GPUDevice> {
  await tf.setBackend("webgpu");
  return (tf.backend() as unknown as { readonly device: GPUDevice }).device;
}

async function shared(): Promise<Backend> {
  return await createBackend({
    prefer: ["webgpu"],
    device: await device(),
    allowSoftware: true,
  });
}

/** Bytes of all buffers that are mapped for reading, and of all canvases, while `body` runs. */
async function countBytes<T>(body: () => Promise<T>): Promise<{ result: T; bytesRead: number }> {
  const { mapAsync } = GPUBuffer.prototype;
  const { getContext } = OffscreenCanvas.prototype;
  let bytesRead = 0;
  GPUBuffer.prototype.mapAsync = function (mode, ...range) {
    if (mode === GPUMapMode.READ) bytesRead += this.size;
    return mapAsync.call(this, mode, ...range);
  };
  // The framework reads without waiting through a canvas.
  OffscreenCanvas.prototype.getContext = function (this: OffscreenCanvas, ...call: unknown[]) {
    bytesRead += 4 * this.width * this.height;
    return getContext.apply(this, call as Parameters<typeof getContext>);
  } as typeof getContext;
  try {
    return { result: await body(), bytesRead };
  } finally {
    GPUBuffer.prototype.mapAsync = mapAsync;
    OffscreenCanvas.prototype.getContext = getContext;
  }
}

const TWINS = { dense: DENSE, convolutions: CONVOLUTIONS, tokens: TOKENS };

async function trainTwin(network: keyof typeof TWINS): Promise<Trained> {
  using host = createBackendSync();
  using backend = await shared();
  const twin = TWINS[network];
  const tensors = tf.memory().numTensors;
  const { result, bytesRead } = await countBytes(() =>
    losses(host, { ...twin, options: { backend } })
  );
  return { ...result, bytesRead, leftover: tf.memory().numTensors - tensors };
}

/** Captures, gradients of weights beside them, and parameters with neither factor. */
function penalizedNetwork(): tfl.LayersModel {
  const kernelRegularizer = tfl.regularizers.l2({ l2: 0.01 });
  return tfl.sequential({
    layers: [
      tfl.layers.dense({ name: "hidden", units: 8, kernelRegularizer, inputShape: [6] }),
      tfl.layers.batchNormalization({ name: "norm" }),
      tfl.layers.activation({ activation: "tanh" }),
      tfl.layers.dense({ name: "out", units: 3, useBias: false }),
    ],
  });
}

async function tryTheRest(): Promise<Remainder> {
  using backend = await shared();
  const x = tf.randomNormal([32, 6], 0, 1, "float32", 1);
  const y = tf.oneHot(tf.randomUniformInt([32], 0, 3, 2), 3, 1, 0, "float32");
  const fit = async (model: tfl.LayersModel, epochs: number): Promise<number[]> => {
    const { history } = await model.fit(x, y, { epochs, shuffle: false, verbose: 0 });
    return history.loss as number[];
  };
  const [first, second] = [penalizedNetwork(), penalizedNetwork()];
  const [mine, yours] = [first, second].map((model) => {
    const optimizer = new TekfacOptimizer(model, { backend });
    model.compile({ optimizer, loss: crossEntropy });
    return optimizer;
  });
  const reported = [(await mine.readReport())?.step];
  await fit(first, 3);
  reported.push((await mine.readReport())?.step);
  second.setWeights(first.getWeights());
  await yours.setWeights(await mine.getWeights());
  const resumed = [await fit(first, 3), await fit(second, 3)];

  const refusals: string[] = [];
  const refused = async (body: () => unknown): Promise<void> => {
    try {
      await body();
      refusals.push("");
    } catch (error) {
      refusals.push((error as Error).message);
    }
  };
  mine.dispose();
  yours.dispose();
  using other = await createBackend({ prefer: ["webgpu"], allowSoftware: true });
  await refused(() => new TekfacOptimizer(first, { backend: other }));
  using recovering = await createBackend({
    prefer: ["webgpu"],
    device: await device(),
    allowSoftware: true,
    recovery: {},
  });
  await refused(() => new TekfacOptimizer(first, { backend: recovering }));
  await tf.setBackend("cpu");
  await refused(() => new TekfacOptimizer(first, { backend }));
  return { reported, resumed, refusals };
}

Object.assign(globalThis, { trainTwin, tryTheRest });
