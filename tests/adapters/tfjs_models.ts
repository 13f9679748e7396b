/** Layers of all kinds, and models that cannot be trained. */
import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
import assert from "#assert";
import { createBackendSync, NumericalError, OptionError, StateError } from "@tekfac/tekfac";
import { allClose } from "@tekfac/tekfac/testing";
import { checkTfjsVersion, TekfacOptimizer, TESTED_TFJS_VERSIONS } from "@tekfac/tekfac/tfjs";
import { CASES, N, normal } from "./_tfjs_cases.ts";

await tf.setBackend("cpu");

const { layers } = tfl;

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
