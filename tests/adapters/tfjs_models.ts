/** Layers of all kinds, and models that cannot be trained. */
import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
import assert from "#assert";
import { createBackendSync, NumericalError, OptionError, StateError } from "@tekfac/tekfac";
import { allClose } from "@tekfac/tekfac/testing";
import { checkTfjsVersion, TekfacOptimizer, TESTED_TFJS_VERSIONS } from "@tekfac/tekfac/tfjs";

await tf.setBackend("cpu");

const { layers } = tfl;
const N = 12;

/** A model, and one batch for it. */
interface Case {
  readonly model: tfl.LayersModel;
  readonly x: tf.Tensor | tf.Tensor[];
  /** Blocks that `describe()` must show, in the order of the parameters. */
  readonly blocks: readonly string[];
}

const normal = (...shape: number[]): tf.Tensor => tf.randomNormal(shape, 0, 1, "float32", 7);

/** What is protected in the framework's type of an embedding. */
interface Table {
  readonly embeddings: { read(): tf.Tensor };
}

/** Logits from the table of an embedding: a layer of one's own that reads the weights of another. */
class TiedHead extends layers.Layer {
  static readonly className = "TiedHead";
  readonly #table: Table;

  constructor(table: unknown) {
    super({});
    this.#table = table as Table;
  }

  override computeOutputShape([batch]: number[]): number[] {
    return [batch, this.#table.embeddings.read().shape[0]];
  }

  override call([x]: tf.Tensor[]): tf.Tensor {
    return tf.matMul(x as tf.Tensor2D, this.#table.embeddings.read() as tf.Tensor2D, false, true);
  }
}

const CASES: Readonly<Record<string, () => Case>> = {
  "dense and convolution with penalties": () => ({
    model: tfl.sequential({
      layers: [
        layers.conv2d({
          filters: 3,
          kernelSize: 2,
          padding: "same",
          activation: "selu",
          kernelRegularizer: tfl.regularizers.l2(),
          inputShape: [4, 5, 2],
        }),
        layers.flatten(),
        layers.dense({
          units: 2,
          kernelRegularizer: tfl.regularizers.l1l2(),
          biasRegularizer: tfl.regularizers.l2(),
        }),
      ],
    }),
    x: normal(N, 4, 5, 2),
    blocks: ["tekfac", "tekfac"],
  }),
  "depthwise convolution, batch normalization, pooling": () => ({
    model: tfl.sequential({
      layers: [
        layers.conv2d({ filters: 3, kernelSize: 3, activation: "elu", inputShape: [7, 6, 1] }),
        layers.batchNormalization({}),
        layers.depthwiseConv2d({ kernelSize: 2, activation: "relu" }),
        layers.maxPooling2d({ poolSize: 2 }),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
    }),
    x: normal(N, 7, 6, 1),
    blocks: ["tekfac", "scaleShift", "tekfac", "tekfac"],
  }),
  "convolutions of sequences": () => ({
    model: tfl.sequential({
      layers: [
        layers.conv1d({ filters: 3, kernelSize: 3, activation: "tanh", inputShape: [9, 2] }),
        layers.conv1d({ filters: 4, kernelSize: 2, padding: "same", strides: 2 }),
        layers.conv1d({ filters: 3, kernelSize: 2, strides: 2, activation: "relu" }),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
    }),
    x: normal(N, 9, 2),
    blocks: ["tekfac", "tekfac", "tekfac", "tekfac"],
  }),
  "depthwise convolutions that keep the size or have several outputs": () => ({
    model: tfl.sequential({
      layers: [
        layers.depthwiseConv2d({
          kernelSize: 2,
          padding: "same",
          depthMultiplier: 2,
          inputShape: [5, 4, 2],
        }),
        layers.depthwiseConv2d({ kernelSize: 3, padding: "same", useBias: false }),
        layers.depthwiseConv2d({ kernelSize: [2, 1], strides: [1, 1], activation: "tanh" }),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
    }),
    x: normal(N, 5, 4, 2),
    blocks: ["tekfac", "tekfac", "tekfac", "tekfac"],
  }),
  "separable convolutions whose borders are uneven": () => ({
    model: tfl.sequential({
      layers: [
        layers.separableConv2d({
          ...{ filters: 3, kernelSize: 3, strides: 2, padding: "same", depthMultiplier: 2 },
          ...{ depthwiseRegularizer: tfl.regularizers.l2(), inputShape: [6, 4, 2] },
        }),
        layers.separableConv2d({ filters: 2, kernelSize: 2, padding: "same", activation: "tanh" }),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
    }),
    x: normal(N, 6, 4, 2),
    blocks: ["tekfac", "tekfac", "tekfac", "tekfac", "tekfac"],
  }),
  "layer normalisations of images, and along other axes": () => ({
    model: tfl.sequential({
      layers: [
        layers.layerNormalization({ inputShape: [3, 4, 2] }),
        layers.dense({ units: 3, activation: "tanh" }),
        layers.layerNormalization({ axis: [1, 2] }),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
    }),
    x: normal(N, 3, 4, 2),
    blocks: ["scaleShift", "tekfac", "diagonal", "diagonal", "tekfac"],
  }),
  "sequences of any length, masked tokens, a table with a penalty": () => ({
    model: tfl.sequential({
      layers: [
        layers.embedding({
          ...{ inputDim: 9, outputDim: 3, maskZero: true, inputShape: [null] },
          embeddingsRegularizer: tfl.regularizers.l2(),
        }),
        layers.timeDistributed({ layer: layers.dense({ units: 4, activation: "tanh" }) }),
        layers.conv1d({ filters: 3, kernelSize: 2 }),
        layers.globalAveragePooling1d({}),
        layers.dense({ units: 2 }),
      ],
    }),
    x: tf.tidy(() => tf.cast(tf.randomUniform([N, 5], 0, 9, "int32", 3), "float32")),
    blocks: ["tekfac", "tekfac", "diagonal", "diagonal", "tekfac"],
  }),
  "steps of a sequence, each by a model that has a model inside": () => ({
    model: tfl.sequential({
      layers: [
        layers.timeDistributed({
          inputShape: [3, 4, 4, 1],
          layer: tfl.sequential({
            layers: [
              layers.conv2d({ filters: 2, kernelSize: 2, padding: "same", inputShape: [4, 4, 1] }),
              tfl.sequential({
                layers: [
                  layers.depthwiseConv2d({ kernelSize: 3, inputShape: [4, 4, 2] }),
                  layers.flatten(),
                ],
              }),
              layers.dense({ units: 3, activation: "tanh" }),
            ],
          }) as unknown as tfl.layers.Layer,
        }),
        layers.gru({ units: 2, recurrentInitializer: "glorotNormal" }),
      ],
    }),
    x: normal(N, 3, 4, 4, 1),
    blocks: ["tekfac", "tekfac", "tekfac", "diagonal", "diagonal", "diagonal"],
  }),
  "weights that a layer of one's own reads, too": () => {
    const table = layers.embedding({ inputDim: 5, outputDim: 3, inputLength: 2 });
    return {
      model: tfl.sequential({
        layers: [
          table,
          layers.flatten(),
          layers.dense({ units: 3, activation: "tanh" }),
          new TiedHead(table),
          layers.dense({ units: 2 }),
        ],
      }),
      x: tf.tidy(() => tf.cast(tf.randomUniform([N, 2], 0, 5, "int32", 3), "float32")),
      blocks: ["tekfac", "tekfac", "tekfac"],
    };
  },
  "embedding, dense along a sequence, recurrence": () => ({
    model: tfl.sequential({
      layers: [
        layers.embedding({ inputDim: 9, outputDim: 4, inputLength: 5 }),
        layers.dense({ units: 3, activation: "sigmoid" }),
        layers.simpleRNN({ units: 3, recurrentInitializer: "glorotNormal" }),
        layers.dense({ units: 2 }),
      ],
    }),
    x: tf.tidy(() => tf.cast(tf.randomUniform([N, 5], 0, 9, "int32", 3), "float32")),
    blocks: ["tekfac", "tekfac", "diagonal", "diagonal", "diagonal", "tekfac"],
  }),
  "two inputs, a layer used twice, a model inside": () => {
    const [a, b] = [tfl.input({ shape: [4] }), tfl.input({ shape: [4] })];
    const shared = layers.dense({ units: 3, activation: "tanh" });
    const inside = tfl.sequential({
      layers: [layers.dense({ units: 3, activation: "relu", inputShape: [6] })],
    });
    const both = layers.concatenate().apply(
      [shared.apply(a), shared.apply(b)] as tfl.SymbolicTensor[],
    );
    const outputs = layers.dense({ units: 2 }).apply(inside.apply(both)) as tfl.SymbolicTensor;
    return {
      model: tfl.model({ inputs: [a, b], outputs }),
      x: [normal(N, 4), normal(N, 4)],
      blocks: ["tekfac", "tekfac", "tekfac"],
    };
  },
};

const targets = normal(N, 2);

for (const [name, create] of Object.entries(CASES)) {
  Deno.test(`TekfacOptimizer with huge damping follows the framework's gradient: ${name}`, async () => {
    const { model, x, blocks } = create();
    // (F + lambda)^-1 G is G / lambda up to F / lambda, which is 1e-6 where F is a hundred.
    const [lambda, rate] = [1e8, 0.01];
    const optimizer = new TekfacOptimizer(model, {
      damping: { kind: "absolute", lambda },
      learningRate: rate * lambda,
      momentum: false,
      klClip: false,
      weightDecay: false,
      onNote() {},
    });
    const shown = optimizer.describe().split("\n").slice(2).map((line) =>
      /\] +(tekfac|diagonal|scaleShift)\b/.exec(line)?.[1]
    );
    assert.deepEqual(shown.filter((block) => block !== undefined), blocks);

    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const before = variables.map((variable) => variable.dataSync().slice());
    let expected: tf.NamedTensorMap | undefined;
    const sgd = tf.train.sgd(0);
    model.optimizer = Object.assign(sgd, {
      applyGradients: (grads: { name: string; tensor: tf.Tensor }[]) => {
        expected = Object.fromEntries(grads.map((g) => [g.name, tf.keep(tf.clone(g.tensor))]));
      },
    });
    await model.trainOnBatch(x, targets);

    model.compile({ optimizer, loss: "meanSquaredError" });
    await model.trainOnBatch(x, targets);
    variables.forEach((variable, i) => {
      const after = variable.dataSync();
      const gradient = expected![variable.name].dataSync();
      const size = Math.max(...gradient.map(Math.abs), 1e-3);
      const found = after.map((value, j) => (before[i][j] - value) / rate);
      const rounding = 2 ** -23 * Math.max(...before[i].map(Math.abs), 1) / rate;
      allClose(found, gradient, { absolute: rounding + 1e-5 * size, label: variable.name });
    });
    tf.dispose(expected!);
    optimizer.dispose();
    model.dispose();
    tf.dispose(x);
  });

  Deno.test(`TekfacOptimizer learns through fit, without leaking tensors: ${name}`, async () => {
    const { model, x, blocks } = create();
    const notes: string[] = [];
    const optimizer = new TekfacOptimizer(model, { onNote: (note) => notes.push(note) });
    assert.equal(notes.length > 0, blocks.includes("diagonal"));
    model.compile({ optimizer, loss: "meanSquaredError", metrics: ["mae"] });
    const options = { epochs: 3, batchSize: 5, shuffle: false, verbose: 0 } as const;
    const { history } = await model.fit(x, targets, options);
    const tensors = tf.memory().numTensors;
    const { history: later } = await model.fit(x, targets, options);
    assert.equal(tf.memory().numTensors, tensors);
    assert(Math.min(...later.loss as number[]) < (history.loss[0] as number));
    assert.equal(optimizer.iterations, 18);
    assert.equal(optimizer.report!.examples, 2);
    assert(!model.layers.some((layer) => Object.hasOwn(layer, "call")));
    optimizer.dispose();
    model.dispose();
    tf.dispose(x);
  });
}

const small = (units = 2): tfl.LayersModel =>
  tfl.sequential({ layers: [layers.dense({ units, inputShape: [3] })] });

/** An assertion of class and text. */
const error =
  (kind: new (...args: never[]) => Error, text: RegExp) => (thrown: unknown): boolean => {
    assert(thrown instanceof kind, String(thrown));
    assert.match((thrown as Error).message, text);
    return true;
  };

Deno.test("TekfacOptimizer names what is wrong with a model", async () => {
  assert.throws(
    () => new TekfacOptimizer(tfl.sequential()),
    error(StateError, /has no layers yet/),
  );

  const frozen = small();
  frozen.trainable = false;
  for (const layer of frozen.layers) layer.trainable = false;
  assert.throws(() => new TekfacOptimizer(frozen), error(StateError, /no trainable weights/));

  const model = small();
  using backend = createBackendSync();
  const before = backend.memory();
  assert.throws(
    () => new TekfacOptimizer(model, { backend, method: "rmsprop" as "kfac" }),
    error(OptionError, /'method' must be one of 'tekfac', 'ekfac', .*'adam', 'sgd'/),
  );
  assert.throws(
    () => new TekfacOptimizer(model, { backend, fisher: { kind: "monteCarlo" } } as object),
    error(OptionError, /'fisher' is not available here/),
  );
  assert.throws(
    () => new TekfacOptimizer(model, { backend, dampnig: 1 } as object),
    error(OptionError, /did you mean 'damping'/),
  );
  const other = tfl.sequential({
    layers: [layers.prelu({ inputShape: [1] }) as tfl.layers.Layer],
  });
  assert.throws(
    () => new TekfacOptimizer(other, { backend, blocks: () => "kronecker" }),
    error(OptionError, /must choose 'diagonal' for parameter 'p_re_lu_PReLU\d+\/alpha'/),
  );
  assert.deepEqual(backend.memory(), before);

  const optimizer = new TekfacOptimizer(model);
  model.compile({ optimizer, loss: "meanSquaredError" });
  assert.throws(() => new TekfacOptimizer(model), error(StateError, /already compiled with one/));
  // Again with the same one is no contradiction.
  model.compile({ optimizer, loss: "meanAbsoluteError" });

  const x = normal(4, 3), y = normal(4, 2);
  const stranger = small();
  stranger.compile({ optimizer, loss: "meanSquaredError" });
  await assert.rejects(
    stranger.trainOnBatch(x, y) as Promise<number>,
    error(StateError, /'dense_Dense\d+\/kernel' of another model or layer/),
  );
  optimizer.dispose();
  optimizer.dispose();
  await assert.rejects(
    model.trainOnBatch(x, y) as Promise<number>,
    error(StateError, /optimizer is disposed/),
  );
  new TekfacOptimizer(model).dispose();
});

Deno.test("TekfacOptimizer trains scales alone, and shifts alone, as the framework cannot", async () => {
  const [x, y] = [normal(N, 4), normal(N, 2)];
  const trained = async (parts: { scale?: boolean; center?: boolean }) => {
    const kernelInitializer = tfl.initializers.glorotNormal({ seed: 1 });
    const model = tfl.sequential({
      layers: [
        layers.dense({ units: 3, activation: "tanh", kernelInitializer, inputShape: [4] }),
        layers.layerNormalization(parts),
        layers.dense({ units: 2, kernelInitializer }),
      ],
    });
    const optimizer = new TekfacOptimizer(model, { method: "sgd", learningRate: 0.1, onNote() {} });
    model.compile({ optimizer, loss: "meanSquaredError" });
    await model.trainOnBatch(x, y);
    optimizer.dispose();
    return model.getWeights().map((weight) => weight.dataSync());
  };
  // The others begin at 1 and 0, where they make no difference to the first step.
  const [kernel, bias, scale, shift, ...head] = await trained({});
  assert.notDeepEqual([...scale], [1, 1, 1]);
  assert.deepEqual(await trained({ center: false }), [kernel, bias, scale, ...head]);
  assert.deepEqual(await trained({ scale: false }), [kernel, bias, shift, ...head]);
});

Deno.test("checkTfjsVersion names a version outside the tested range", () => {
  const name = "@tensorflow/tfjs-layers";
  for (const version of TESTED_TFJS_VERSIONS) checkTfjsVersion(name, version);
  for (const version of ["3.21.0", "4.16.0", "4.23.0", "5.0.0", "4.22.0-rc.1"]) {
    assert.throws(
      () => checkTfjsVersion(name, version),
      error(
        StateError,
        new RegExp(`Cannot use ${name} ${version}: .*tested with 4.17.0 to 4.22.0`),
      ),
    );
  }
});

Deno.test("TekfacOptimizer leaves weights and layers as they are when a step fails", async () => {
  const model = small();
  const optimizer = new TekfacOptimizer(model);
  model.compile({ optimizer, loss: "meanSquaredError" });
  const before = model.getWeights().map((weight) => weight.dataSync().slice());
  const x = tf.fill([4, 3], NaN), y = normal(4, 2);
  await assert.rejects(
    model.trainOnBatch(x, y) as Promise<number>,
    error(NumericalError, /the loss is not finite/),
  );
  assert.deepEqual(model.getWeights().map((weight) => weight.dataSync().slice()), before);
  assert(!Object.hasOwn(model.layers[0], "call"));
  optimizer.dispose();
});

Deno.test("TekfacOptimizer sees weights that were set between steps", async () => {
  const [a, b] = [small(), small()];
  const optimizers = [a, b].map((model) => {
    const optimizer = new TekfacOptimizer(model, { momentum: false });
    model.compile({ optimizer, loss: "meanSquaredError" });
    return optimizer;
  });
  const x = normal(4, 3), y = normal(4, 2);
  b.setWeights(a.getWeights());
  await a.trainOnBatch(x, y);
  await b.trainOnBatch(x, y);
  const weights = [normal(3, 2), normal(2)];
  for (const model of [a, b]) {
    model.setWeights(weights);
    await model.trainOnBatch(x, y);
  }
  assert.deepEqual(a.getWeights()[0].dataSync(), b.getWeights()[0].dataSync());
  assert.notDeepEqual(a.getWeights()[0].dataSync(), weights[0].dataSync());
  for (const optimizer of optimizers) optimizer.dispose();
});
