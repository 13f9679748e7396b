/** Saving with the model, and going on. */
import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
import assert from "#assert";
import { OptionError, StateError } from "@tekfac/tekfac";
import { TekfacOptimizer, type TekfacOptimizerOptions } from "@tekfac/tekfac/tfjs";
import { examples } from "./_tfjs_twin.ts";

await tf.setBackend("cpu");

const { inputs, labels } = examples(20, 6 * 6 * 2, 3);
const x = tf.tensor(inputs, [20, 6, 6, 2]);
const y = tf.tidy(() => tf.oneHot(tf.tensor1d(labels, "int32"), 3, 1, 0, "float32"));

function network(): tfl.LayersModel {
  return tfl.sequential({
    layers: [
      tfl.layers.conv2d({ filters: 3, kernelSize: 3, activation: "relu", inputShape: [6, 6, 2] }),
      tfl.layers.batchNormalization({}),
      tfl.layers.flatten(),
      tfl.layers.dense({ units: 3, activation: "softmax" }),
    ],
  });
}

async function train(model: tfl.LayersModel, steps: number): Promise<number[]> {
  const losses = [];
  for (let i = 0; i < steps; i++) losses.push(await model.trainOnBatch(x, y) as number);
  return losses;
}

async function saved(model: tfl.LayersModel): Promise<tf.io.ModelArtifacts> {
  let kept: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler((artifacts) => {
      kept = structuredClone(artifacts);
      return Promise.resolve({ modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) });
    }),
    { includeOptimizer: true },
  );
  return kept!;
}

/** A model whose training was saved after 7 steps, and the losses of the 6 steps that followed. */
async function interrupted(
  options: TekfacOptimizerOptions,
): Promise<{ readonly artifacts: tf.io.ModelArtifacts; readonly losses: number[] }> {
  const model = network();
  const optimizer = new TekfacOptimizer(model, options);
  model.compile({ optimizer, loss: "categoricalCrossentropy" });
  await train(model, 7);
  const artifacts = await saved(model);
  const losses = await train(model, 6);
  optimizer.dispose();
  model.dispose();
  return { artifacts, losses };
}

for (const method of ["tekfac", "kfac"] as const) {
  Deno.test(`TekfacOptimizer goes on after save and load, bit for bit: ${method}`, async () => {
    const tensors = tf.memory().numTensors;
    const damping = { kind: "relative", tau: 0.5 } as const;
    const { artifacts, losses } = await interrupted({ method, damping });

    const model = await tfl.loadLayersModel(tf.io.fromMemory(artifacts));
    const optimizer = (model.optimizer as TekfacOptimizer).attach(model);
    assert.equal(optimizer.iterations, 7);
    assert.deepEqual(await train(model, 6), losses);
    optimizer.dispose();
    model.dispose();
    assert.equal(tf.memory().numTensors, tensors);
  });
}

Deno.test("TekfacOptimizer asks for schedules again: functions cannot be saved", async () => {
  const annealing = (step: number): number => 1 / (1 + step);
  const { artifacts, losses } = await interrupted({ annealing });
  const model = await tfl.loadLayersModel(tf.io.fromMemory(artifacts));
  const optimizer = model.optimizer as TekfacOptimizer;
  assert.throws(() => optimizer.describe(), /no model yet; call model.optimizer.attach/);
  assert.throws(
    () => optimizer.attach(model),
    (error: unknown) =>
      error instanceof OptionError && /'annealing' was a function/.test(error.message),
  );
  optimizer.attach(model, { annealing });
  assert.deepEqual(await train(model, 6), losses);
  optimizer.dispose();
  model.dispose();
});

Deno.test("TekfacOptimizer refuses the state of another method or model, and goes on", async () => {
  const model = network();
  const optimizer = new TekfacOptimizer(model, { method: "kfac" });
  const other = network();
  const donor = new TekfacOptimizer(other);
  model.compile({ optimizer, loss: "categoricalCrossentropy" });
  await train(model, 1);
  const weights = await donor.getWeights();
  await assert.rejects(
    optimizer.setWeights(weights),
    (error: unknown) =>
      error instanceof StateError &&
      /expected method 'kfac', received 'tekfac'/.test(error.message),
  );
  await assert.rejects(optimizer.setWeights([]), /expected a tensor 'tekfac\/progress'/);
  await train(model, 1);
  assert.equal(optimizer.iterations, 2);
  for (const thing of [optimizer, donor, model, other]) thing.dispose();
});
