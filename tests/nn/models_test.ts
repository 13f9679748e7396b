import assert from "#assert";
import {
  autoencoder,
  cnn,
  head,
  mlp,
  mobileBlock,
  mobileNet,
  resnet,
  resnet20,
  type Sequential,
  sequential,
  temporalConvNet,
  vgg16,
} from "@tekfac/tekfac/nn";
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

Deno.test("resnet20() has the 269,722 parameters of its paper's on CIFAR-10, and takes any size", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [32, 32, 3], layers: resnet20() });
    assert.equal(weightsOf(model), 269_722);
    const kinds = model.parameters.map(({ layer }) => layer.kind);
    assert.equal(kinds.filter((kind) => kind === "conv2d").length, 19);
    assert.equal(kinds.filter((kind) => kind === "dense").length, 1);
    assert.deepEqual(model.layers.at(-3)!.output, [8, 8, 64]);
    using small = sequential(backend, { input: [28, 27, 1], layers: resnet20({ width: 2 }) });
    assert.deepEqual(small.layers.at(-3)!.output, [7, 7, 8]);
  }));

Deno.test("resnet() of depth 6 n + 2 has n blocks in each stage", () =>
  onReference((backend) => {
    const layers = resnet({ depth: 14, width: 2, classes: 3 });
    using model = sequential(backend, { input: [8, 8, 1], layers });
    assert.equal(model.layers.filter(({ name }) => name.startsWith("residual")).length, 6);
    assert.deepEqual(model.output, [3]);
    for (const depth of [2, 9, 8.5]) {
      assert.throws(() => resnet({ depth }), { name: "OptionError", message: /6 n \+ 2/ });
    }
  }));

Deno.test("vgg16() has 14,724,042 parameters on CIFAR-10, and refuses images below 32 x 32", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [32, 32, 3], layers: vgg16({ width: 8 }) });
    const channels = [8, 8, 16, 16, 32, 32, 32, 64, 64, 64, 64, 64, 64];
    const convolutions = model.parameters.filter(({ layer }) => layer.kind === "conv2d");
    assert.deepEqual(convolutions.map(({ value }) => value.rows), channels);
    // Convolutions, scales and shifts of 66 w channels, and the classifier.
    const weights = (w: number) => 27 * w + 3591 * w * w + 2 * 66 * w + 10 * (8 * w + 1);
    assert.equal(weightsOf(model), weights(8));
    assert.equal(weights(64), 14_724_042);
    assert.throws(() => sequential(backend, { input: [28, 28, 1], layers: vgg16({ width: 2 }) }), {
      name: "ShapeError",
    });
  }));

Deno.test("temporalConvNet() sees no later position, and as far back as its windows reach", () =>
  onReference((backend) => {
    const layers = temporalConvNet({ outputs: 2, channels: 4, levels: 3, kernel: 2, at: "every" });
    using model = sequential(backend, { input: [24, 1], layers, seed: 3 });
    assert.deepEqual(model.output, [24, 2]);
    // A convolution of single positions, two of each block, and the outputs.
    assert.equal(weightsOf(model), 4 * 2 + 3 * 2 * 4 * (2 * 4 + 1) + 2 * 5);
    const outputs = (changed: number) =>
      backend.scope(() => {
        const x = backend.scratch(24, 1);
        backend.write(
          x,
          Float64Array.from({ length: 24 }, (_, t) => t === changed ? 2 : Math.cos(t)),
        );
        return Float64Array.from(backend.readSync(model.forward(x, 1)));
      });
    const [plain, other] = [outputs(-1), outputs(4)];
    const moved = Array.from({ length: 24 }, (_, t) => plain[2 * t] !== other[2 * t]);
    const reach = 2 * (2 ** 3 - 1);
    assert.equal(moved.indexOf(true), 4);
    assert(moved.lastIndexOf(true) <= 4 + reach);
    using last = sequential(backend, { input: [9, 3], layers: temporalConvNet({ outputs: 1 }) });
    assert.deepEqual(last.output, [1]);
  }));

Deno.test("mobileNet() has depthwise convolutions between those of single pixels", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [16, 15, 3], layers: mobileNet({ width: 2 }) });
    const groups = model.parameters.flatMap(({ layer }) =>
      layer.kind === "conv2d" ? layer.geometry.groups ?? 1 : []
    );
    assert.deepEqual(groups, [1, 1, 12, 1, 1, 12, 1, 1, 12, 1, 1, 24, 1, 1, 24, 1, 1, 48, 1]);
    assert.deepEqual(model.layers.at(-3)!.output, [4, 4, 8]);
    using block = sequential(backend, { input: [6, 6, 4], layers: mobileBlock({ from: 4 }) });
    // 4 to 24 channels, 24 windows, 24 to 4, and two numbers for each normalised channel.
    assert.equal(weightsOf(block), 96 + 24 * 9 + 96 + 2 * (24 + 24 + 4));
    assert.equal(block.layers.length, 1);
  }));

Deno.test("head() has 5,124 weights for 1,280 features and 4 classes, 82,244 with 64 hidden units", () =>
  onReference((backend) => {
    for (const [options, weights] of [[{}, 5124], [{ hidden: 64 }, 82_244]] as const) {
      const layers = head({ classes: 4, ...options });
      using model = sequential(backend, { input: [1280], layers });
      assert.equal(weightsOf(model), weights);
      assert.deepEqual(model.output, [4]);
    }
    for (const options of [{ classes: 0 }, { classes: 2, hidden: 0 }]) {
      assert.throws(() => head(options), { name: "OptionError" });
    }
  }));
