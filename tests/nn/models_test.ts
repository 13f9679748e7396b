import assert from "#assert";
import { autoencoder, cnn, mlp, type Sequential, sequential } from "@tekfac/tekfac/nn";
import { onReference } from "./_harness.ts";

const weightsOf = (model: Sequential) =>
  model.parameters.reduce((sum, { value }) => sum + value.rows * value.cols, 0);
const widthsOf = (model: Sequential) => model.parameters.map(({ value }) => value.rows);

Deno.test("mlp() is 784-256-128-10 by default and takes images or rows", () =>
  onReference((backend) => {
    for (const input of [[784], [28, 28, 1]] as const) {
      using model = sequential(backend, { input, layers: mlp() });
      assert.deepEqual(widthsOf(model), [256, 128, 10]);
      assert.equal(weightsOf(model), 235_146);
      assert.deepEqual(model.output, [10]);
    }
    using linear = sequential(backend, { input: [5], layers: mlp({ hidden: [], classes: 3 }) });
    assert.deepEqual(widthsOf(linear), [3]);
  }));

Deno.test("autoencoder() mirrors 784-250-100-30 by default, with a linear code", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [28, 28, 1], layers: autoencoder() });
    assert.deepEqual(widthsOf(model), [250, 100, 30, 100, 250, 784]);
    assert.equal(weightsOf(model), 449_514);
    const names = model.layers.map(({ name }) => name);
    assert.equal(names[names.indexOf("dense3") + 1], "dense4");
    assert.equal(names.filter((name) => name.startsWith("tanh")).length, 4);
  }));

Deno.test("autoencoder() takes the widths of the literature's 784-1000-500-250-30", () =>
  onReference((backend) => {
    const layers = autoencoder({ widths: [1000, 500, 250, 30], activation: "sigmoid" });
    using model = sequential(backend, { input: [784], layers });
    assert.deepEqual(widthsOf(model), [1000, 500, 250, 30, 250, 500, 1000, 784]);
    assert.equal(weightsOf(model), 2_837_314);
  }));

Deno.test("cnn() classifies 28 x 28 x 1 images with 11,274 weights", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [28, 28, 1], layers: cnn() });
    assert.deepEqual(widthsOf(model), [8, 16, 10]);
    assert.equal(weightsOf(model), 11_274);
  }));
