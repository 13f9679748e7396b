/** Weights that TensorFlow.js has made predict the same in this library. */
import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { importWeights } from "@tekfac/tekfac/model";
import {
  batchNorm2d,
  conv2d,
  conv2dTranspose,
  dense,
  embedding,
  flatten,
  layerNorm,
  type LayerSpec,
  meanPositions,
  objective,
  relu,
  sequential,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import { allClose } from "@tekfac/tekfac/testing";
import { namedWeights } from "@tekfac/tekfac/tfjs";

await tf.setBackend("cpu");
const { layers } = tfl;
const N = 4;

/** Two frameworks add a few dozen numbers about 1 in different orders. */
const ALLOWANCE = { absolute: 64 * 2 ** -24, relative: 64 * 2 ** -24 };

/** The same model twice, and what its layers are called there. */
interface Case {
  readonly input: [number] | [number, number, number];
  readonly here: LayerSpec[];
  readonly there: tfl.layers.Layer[];
  readonly names: Record<string, string>;
  readonly inputs: tf.Tensor;
}

const CASES: Readonly<Record<string, () => Case>> = {
  images: () => ({
    input: [6, 5, 2],
    here: [
      ...[conv2d(3, { kernel: [3, 2] }), batchNorm2d({ epsilon: 1e-3 }), relu()],
      ...[conv2d(4, { kernel: 2, bias: false }), flatten(), dense(5), tanh(), dense(3)],
    ],
    there: [
      layers.conv2d({ filters: 3, kernelSize: [3, 2], inputShape: [6, 5, 2], name: "c1" }),
      layers.batchNormalization({ name: "bn" }),
      layers.activation({ activation: "relu" }),
      layers.conv2d({ filters: 4, kernelSize: 2, useBias: false, name: "c2" }),
      layers.flatten(),
      layers.dense({ units: 5, activation: "tanh", name: "d1" }),
      layers.dense({ units: 3, name: "d2" }),
    ],
    names: { conv1: "c1", batchNorm1: "bn", conv2: "c2", dense1: "d1", dense2: "d2" },
    inputs: tf.randomNormal([N, 6, 5, 2], 0, 1, "float32", 5),
  }),
  "larger images": () => ({
    input: [3, 2, 4],
    here: [conv2dTranspose(3, { kernel: [3, 2], stride: 2 }), flatten()],
    there: [
      layers.conv2dTranspose({
        ...{ filters: 3, kernelSize: [3, 2], strides: 2, inputShape: [3, 2, 4], name: "up" },
      }),
      layers.flatten(),
    ],
    names: { convTranspose1: "up" },
    inputs: tf.randomNormal([N, 3, 2, 4], 0, 1, "float32", 6),
  }),
  tokens: () => ({
    input: [5],
    here: [embedding({ vocabulary: 7, width: 4 }), layerNorm({ epsilon: 1e-3 }), meanPositions()],
    there: [
      layers.embedding({ inputDim: 7, outputDim: 4, inputLength: 5, name: "tokens" }),
      layers.layerNormalization({ name: "norm" }),
      layers.globalAveragePooling1d({}),
    ],
    names: { embedding1: "tokens", layerNorm1: "norm" },
    inputs: tf.tensor2d(Float32Array.from({ length: N * 5 }, (_, i) => (3 * i + 1) % 7), [N, 5]),
  }),
};

for (const [name, create] of Object.entries(CASES)) {
  Deno.test(`importWeights() makes a model of ${name} predict what TensorFlow.js does`, async () => {
    const { input, here, there, names, inputs } = create();
    const theirs = tfl.sequential({ layers: there });
    // Neither ones nor zeros; variances above 0.
    theirs.setWeights(theirs.weights.map(({ shape, originalName }, i) => {
      const least = originalName.endsWith("variance") ? 0.5 : -1;
      return tf.randomUniform(shape as number[], least, 1, "float32", i + 1);
    }));
    using backend = await createBackend();
    using model = sequential(backend, { input, layers: here, seed: 1 });
    const arrays = await namedWeights(theirs);
    const { loaded } = await importWeights(model, arrays, { layout: "tensorflow", names });
    assert.deepEqual(Object.keys(loaded), model.parameters.map((parameter) => parameter.name));
    const expected = (theirs.predict(inputs) as tf.Tensor).dataSync();
    assert(new Set(expected).size > N);
    const actual = await objective(model, squaredError()).predict(inputs.dataSync());
    allClose(actual, expected, ALLOWANCE);
  });
}
