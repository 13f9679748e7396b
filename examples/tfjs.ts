/**
 * A TensorFlow.js model, unchanged, learns to read digits through `model.fit()`.
 *
 *     deno run -A examples/tfjs.ts
 *
 * @module
 */

import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
import { cosine, glyphs, type ImageDataset } from "@tekfac/tekfac";
import { TekfacOptimizer } from "@tekfac/tekfac/tfjs";

await tf.setBackend("cpu");

const { train, test } = glyphs({ train: 1000, test: 200, seed: 1 });
const tensors = ({ images, labels, shape }: ImageDataset) => ({
  x: tf.tensor(Float32Array.from(images), [labels.length, ...shape]),
  y: tf.tidy(() => tf.oneHot(tf.tensor1d(Int32Array.from(labels), "int32"), 10)),
});
const { x, y } = tensors(train);
const held = tensors(test);

const { layers } = tfl;
const model = tfl.sequential({
  layers: [
    layers.conv2d({
      filters: 8,
      kernelSize: 5,
      strides: 2,
      activation: "relu",
      inputShape: [28, 28, 1],
    }),
    layers.flatten(),
    layers.dense({ units: 32, activation: "tanh" }),
    layers.dense({ units: 10, activation: "softmax" }),
  ],
});

const [epochs, batchSize] = [4, 50];
const optimizer = new TekfacOptimizer(model, { annealing: cosine(epochs * 1000 / batchSize) });
model.compile({ optimizer, loss: "categoricalCrossentropy", metrics: ["accuracy"] });
console.log(optimizer.describe());
await model.fit(x, y, {
  epochs,
  batchSize,
  validationData: [held.x, held.y],
  verbose: 0,
  callbacks: {
    onEpochEnd: (epoch: number, logs?: tfl.Logs) => {
      const { loss, acc, val_acc } = logs!;
      const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
      console.log(
        `epoch ${epoch}: loss ${loss.toFixed(4)}, accuracy ${percent(acc)}, held out ${
          percent(val_acc)
        }`,
      );
    },
  },
});

optimizer.dispose();
model.dispose();
tf.dispose([x, y, held.x, held.y]);
