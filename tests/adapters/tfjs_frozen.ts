/** What is not trained costs nothing; rates that change while training goes on; what an optimizer has to say. */
import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
import assert from "#assert";
import { createBackendSync, OptionError, StateError } from "@tekfac/tekfac";
import { allClose } from "@tekfac/tekfac/testing";
import { TekfacOptimizer } from "@tekfac/tekfac/tfjs";

await tf.setBackend("cpu");

const { layers } = tfl;
const normal = (...shape: number[]): tf.Tensor => tf.randomNormal(shape, 0, 1, "float32", 7);

/** A convolutional base, with a model inside it, and a head; joined by a graph, or one after the other. */
function transfer(joined: "graph" | "sequence"): { base: tfl.Sequential; model: tfl.LayersModel } {
  const base = tfl.sequential({
    layers: [
      layers.conv2d({ filters: 3, kernelSize: 3, activation: "relu", inputShape: [6, 6, 1] }),
      tfl.sequential({
        layers: [
          layers.layerNormalization({ inputShape: [4, 4, 3] }),
          layers.conv2d({ filters: 2, kernelSize: 2, activation: "relu" }),
        ],
      }),
      layers.flatten(),
    ],
    name: "base",
  });
  const head = [
    layers.dense({ units: 4, activation: "tanh" }),
    layers.dense({ units: 2 }),
  ];
  if (joined === "sequence") return { base, model: tfl.sequential({ layers: [base, ...head] }) };
  const inputs = tfl.input({ shape: [6, 6, 1] });
  const outputs = [base, ...head].reduce(
    (x, layer) => layer.apply(x) as tfl.SymbolicTensor,
    inputs,
  );
  return { base, model: tfl.model({ inputs, outputs }) };
}

/** What works wherever the base stands: each layer by itself. */
function freeze(layer: tfl.layers.Layer): void {
  layer.trainable = false;
  if (layer instanceof tfl.LayersModel) (layer as tfl.LayersModel).layers.forEach(freeze);
}

const numbersOf = (model: tfl.LayersModel): number[][] =>
  model.getWeights().map((weight) => [...weight.dataSync()]);

for (const joined of ["graph", "sequence"] as const) {
  Deno.test(`TekfacOptimizer of a head on a frozen base in a ${joined}: no block, no capture, no backward pass`, async () => {
    const { base, model } = transfer(joined);
    if (joined === "graph") base.trainable = false;
    else freeze(base as unknown as tfl.layers.Layer);
    const notes: string[] = [];
    using backend = createBackendSync();
    const optimizer = new TekfacOptimizer(model, { backend, onNote: (note) => notes.push(note) });
    assert.deepEqual(notes, []);
    // Two blocks and the total; nothing of the base.
    assert.match(
      optimizer.describe(),
      /^layer.*\n-.*\ndense_Dense\d+ .*\ndense_Dense\d+ .*\ntotal/,
    );
    model.compile({ optimizer, loss: "meanSquaredError" });
    const before = numbersOf(base), all = numbersOf(model).length;
    const watched: boolean[] = [];
    const [convolution] = base.layers;
    const { call } = convolution;
    convolution.call = (...of) => {
      watched.push(Object.hasOwn(model.layers.at(-1)!, "call"));
      return call.apply(convolution, of);
    };
    const [x, y] = [normal(8, 6, 6, 1), normal(8, 2)];
    const { kernelNames } = await tf.profile(async () => {
      tf.dispose(await model.trainOnBatch(x, y) as unknown as tf.Tensor[]);
      return [];
    });
    assert.deepEqual(watched, [true]);
    // The framework's names for gradients of convolutions, poolings and normalisations.
    assert.deepEqual(kernelNames.filter((kernel) => /Backprop|Grad/.test(kernel)), []);
    assert.deepEqual(numbersOf(base), before);
    assert.equal(numbersOf(model).length, all);
    assert.equal(optimizer.report!.layers.length, 2);
    optimizer.dispose();
  });
}

Deno.test("TekfacOptimizer says when the framework trains a model that calls itself frozen", async () => {
  const { base, model } = transfer("sequence");
  base.trainable = false;
  const notes: string[] = [];
  const options = { method: "sgd", onNote: (note: string) => notes.push(note) } as const;
  const optimizer = new TekfacOptimizer(model, options);
  assert.deepEqual(notes, [
    "Model 'base' is frozen (trainable = false), but the framework trains its layers, as it stands first in a " +
    "Sequential: freeze them one by one",
  ]);
  model.compile({ optimizer, loss: "meanSquaredError" });
  const before = numbersOf(base);
  await model.trainOnBatch(normal(4, 6, 6, 1), normal(4, 2));
  assert.notDeepEqual(numbersOf(base), before);
  optimizer.dispose();
});

Deno.test("TekfacOptimizer sends gradients through a frozen layer to those before it", async () => {
  const build = (): tfl.LayersModel =>
    tfl.sequential({
      layers: [
        layers.dense({ units: 3, activation: "tanh", inputShape: [4] }),
        layers.dense({ units: 3, activation: "tanh", trainable: false }),
        layers.dense({ units: 2 }),
      ],
    });
  const [ours, theirs] = [build(), build()];
  theirs.setWeights(ours.getWeights());
  const [x, y] = [normal(8, 4), normal(8, 2)];
  const optimizer = new TekfacOptimizer(ours, {
    method: "sgd",
    learningRate: 0.1,
    momentum: false,
  });
  ours.compile({ optimizer, loss: "meanSquaredError" });
  theirs.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError" });
  for (const model of [ours, theirs]) {
    await model.fit(x, y, { epochs: 3, batchSize: 8, shuffle: false, verbose: 0 });
  }
  numbersOf(ours).forEach((numbers, i) =>
    allClose(numbers, numbersOf(theirs)[i], { absolute: 1e-6, label: `weights ${i}` })
  );
  optimizer.dispose();
});

Deno.test("TekfacOptimizer asks to be made again when a base is unfrozen", async () => {
  const { base, model } = transfer("graph");
  base.trainable = false;
  const optimizer = new TekfacOptimizer(model);
  base.trainable = true;
  model.compile({ optimizer, loss: "meanSquaredError" });
  await assert.rejects(
    model.trainOnBatch(normal(4, 6, 6, 1), normal(4, 2)) as Promise<number>,
    (error: Error) =>
      error instanceof StateError &&
      /create an optimizer for the model as it is/.test(error.message),
  );
  optimizer.dispose();
  const whole = new TekfacOptimizer(model);
  model.compile({ optimizer: whole, loss: "meanSquaredError" });
  const before = numbersOf(base);
  await model.trainOnBatch(normal(4, 6, 6, 1), normal(4, 2));
  assert.notDeepEqual(numbersOf(base), before);
  whole.dispose();
});

const line = (): tfl.LayersModel =>
  tfl.sequential({ layers: [layers.dense({ units: 1, inputShape: [2] })] });

Deno.test("TekfacOptimizer.learningRate is that of the next step, and can be set while training goes on", async () => {
  const model = line();
  const [x, y] = [normal(6, 2), normal(6, 1)];
  const schedule = new TekfacOptimizer(model, {
    ...{ method: "sgd", momentum: false, annealing: 0.5 },
    learningRate: (step) => 1 / (step + 1),
  });
  model.compile({ optimizer: schedule, loss: "meanSquaredError" });
  assert.equal(schedule.learningRate, 1);
  await model.trainOnBatch(x, y);
  assert.equal(schedule.learningRate, 1 / 2);
  schedule.learningRate = 0.25;
  await model.trainOnBatch(x, y);
  assert.equal(schedule.report!.learningRate, 0.25);
  assert.equal(schedule.report!.annealing, 0.5);
  assert.equal(schedule.learningRate, 0.25);
  const before = numbersOf(model);
  schedule.learningRate = 0;
  await model.trainOnBatch(x, y);
  assert.deepEqual(numbersOf(model), before);
  for (const wrong of [-1, NaN, "0.1"]) {
    assert.throws(() => schedule.learningRate = wrong as number, OptionError);
  }
  assert.equal(schedule.learningRate, 0);
  schedule.dispose();
  assert.throws(() => schedule.learningRate, StateError);
});

Deno.test("TekfacOptimizer.learningRate tells each method's own default, and is saved", () => {
  const found = (["tekfac", "kfac", "adam", "sgd", "soap", "muon"] as const).map((method) => {
    const optimizer = new TekfacOptimizer(line(), { method });
    const { learningRate } = optimizer;
    optimizer.dispose();
    return learningRate;
  });
  assert.deepEqual(found, [1, 1, 1e-3, 0.1, 3e-3, 0.02]);

  const optimizer = new TekfacOptimizer(line(), { learningRate: (step) => 1 / (step + 1) });
  optimizer.learningRate = 0.5;
  // What was assigned took the schedule's place: nothing has to be given again.
  assert.deepEqual(optimizer.getConfig(), { options: { learningRate: 0.5 }, functions: [] });
  optimizer.dispose();
});

Deno.test("TekfacOptimizer says which layers have a diagonal, and why", () => {
  const model = tfl.sequential({
    layers: [
      layers.conv2d({
        ...{ filters: 2, kernelSize: 3, dataFormat: "channelsFirst", inputShape: [1, 6, 6] },
        name: "first",
      }),
      layers.prelu({ name: "slopes" }) as tfl.layers.Layer,
      layers.flatten(),
      layers.dense({ units: 1 }),
    ],
  });
  const notes: string[] = [];
  const optimizer = new TekfacOptimizer(model, { onNote: (note) => notes.push(note) });
  const diagonal = "has a diagonal from mean gradients in the place of Kronecker factors:";
  assert.deepEqual(notes, [
    `Layer 'first' (Conv2D) ${diagonal} its images are channelsFirst`,
    `Layer 'slopes' (PReLU) ${diagonal} layers of this class are not taken apart`,
  ]);
  assert(optimizer.describe().endsWith(notes.join("\n")));
  optimizer.dispose();
  // Where all layers have a diagonal, none has less than others.
  new TekfacOptimizer(model, { method: "adam", onNote: (note) => notes.push(note) }).dispose();
  assert.equal(notes.length, 2);
});
