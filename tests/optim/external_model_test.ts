import assert from "#assert";
import {
  adam,
  type Backend,
  conv2d,
  createBackend,
  DataError,
  ekfac,
  type ExternalBatch,
  externalModel,
  flatten,
  objective,
  OptionError,
  sequential,
  sgd,
  ShapeError,
  squaredError,
  StateError,
  tekfac,
} from "@tekfac/tekfac";
import { type ConvGeometry, Random } from "@tekfac/tekfac/core";
import { eachBackend } from "@tekfac/tekfac/testing";
import { gpuTest } from "../parity/_parity.ts";
import { referenceBackend } from "./problem.ts";

const geometry: ConvGeometry = {
  channels: 2,
  height: 3,
  width: 4,
  kernel: [2, 2],
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  bias: true,
};
const parameters = [
  { name: "conv1", layer: { kind: "conv2d", geometry }, shape: [3, 9] },
] as const;

/** Images, targets and the output gradients of a convolution under half the squared error. */
function convolutionBatch(weights: ArrayLike<number>, examples: number, seed: number) {
  const random = new Random(seed);
  const images = Float64Array.from({ length: examples * 24 }, () => random.normal());
  const targets = Float64Array.from({ length: examples * 18 }, () => random.normal());
  const g = new Float64Array(targets.length), loss = new Float64Array(examples);
  for (let n = 0; n < examples; n++) {
    for (let t = 0; t < 6; t++) {
      const [top, left] = [Math.floor(t / 3), t % 3];
      for (let i = 0; i < 3; i++) {
        let sum = weights[9 * i + 8];
        for (let k = 0; k < 8; k++) {
          const [y, x, c] = [k >> 2, (k >> 1) & 1, k & 1];
          sum += weights[9 * i + k] * images[((n * 3 + top + y) * 4 + left + x) * 2 + c];
        }
        const at = (n * 6 + t) * 3 + i;
        g[at] = sum - targets[at];
        loss[n] += g[at] ** 2 / 2;
      }
    }
  }
  return {
    images,
    targets,
    batch: { examples, loss, captures: { conv1: { inputs: images, outputGradients: g } } },
  };
}

eachBackend(
  Deno.test,
  "ExternalModel with a convolution takes our own layer's steps",
  (backend) => {
    const layers = [conv2d(3, { kernel: 2 }), flatten()];
    using own = sequential(backend, { input: [3, 4, 2], layers, seed: 1 });
    using external = externalModel(backend, parameters);
    // Both store the columns in the order (kernel row, kernel column, channel).
    external.writeWeights({ conv1: own.parameters[0].value });
    // What a model elsewhere cannot do, the other does not do either.
    const options = { fisher: { kind: "perLoss" }, takeBack: false } as const;
    using ours = tekfac(objective(own, squaredError()), options);
    using theirs = tekfac(external);
    for (let step = 0; step < 5; step++) {
      const { images, targets, batch } = convolutionBatch(
        external.readWeightsSync().conv1,
        4,
        step,
      );
      const { loss } = theirs.stepSync(batch);
      const { loss: expected } = ours.stepSync({ inputs: images, targets });
      // Weights, images and gradients are rounded once each, on both ways; each step adds its own.
      const tolerance = 100 * (step + 1) * backend.info.roundoff * expected;
      assert.ok(Math.abs(loss - expected) <= tolerance, `step ${step}: ${loss}, ${expected}`);
    }
  },
);

/** A batch of two examples for the parameters `dense` [1, 3] (with bias) and `scale` [1, 2] (other). */
const mixed = [
  { name: "dense", layer: { kind: "dense", bias: true }, shape: [1, 3] },
  { name: "scale", layer: { kind: "other" }, shape: [1, 2] },
] as const;
const mixedBatch: ExternalBatch = {
  examples: 2,
  loss: 0.5,
  captures: { dense: { inputs: [1, 2, 3, 4], outputGradients: [1, -3] } },
  gradients: { scale: [5, 7] },
};

eachBackend(Deno.test, "sgd() subtracts gradients from captures and gradients handed over", (b) => {
  using model = externalModel(b, mixed);
  using optimizer = sgd(model, { learningRate: 1, momentum: false });
  const { loss, examples } = optimizer.stepSync(mixedBatch);
  assert.deepEqual({ loss, examples }, { loss: 0.5, examples: 2 });
  const { dense, scale } = model.readWeightsSync();
  // Means over both examples of g [x, 1].
  assert.deepEqual([...dense], [4, 5, 1]);
  assert.deepEqual([...scale], [-5, -7]);
});

eachBackend(
  Deno.test,
  "ExternalModel adds micro-batches up to the step of one batch",
  (backend) => {
    const weightsAfter = (...batches: ExternalBatch[]): number[] => {
      using model = externalModel(backend, mixed);
      using optimizer = sgd(model, { learningRate: 1, momentum: false });
      optimizer.stepSync(...batches);
      return Object.values(model.readWeightsSync()).flatMap((w) => [...w]);
    };
    const half = (x: number[], g: number, scale: number[]): ExternalBatch => ({
      examples: 1,
      loss: [0.5],
      captures: { dense: { inputs: x, outputGradients: [g] } },
      gradients: { scale },
    });
    assert.deepEqual(
      weightsAfter(half([1, 2], 1, [4, 8]), half([3, 4], -3, [6, 6])),
      weightsAfter(mixedBatch),
    );
  },
);

Deno.test("ExternalModel takes matrices of its backend in the place of arrays", () => {
  using backend = referenceBackend();
  using inputs = backend.alloc(2, 2);
  using g = backend.alloc(2, 1);
  backend.write(inputs, [1, 2, 3, 4]);
  backend.write(g, [1, -3]);
  using model = externalModel(backend, mixed);
  using optimizer = sgd(model, { learningRate: 1, momentum: false });
  optimizer.stepSync({ ...mixedBatch, captures: { dense: { inputs, outputGradients: g } } });
  assert.deepEqual([...model.readWeightsSync().dense], [4, 5, 1]);
});

Deno.test("ekfac() with the Monte-Carlo Fisher sees the sampled output gradients", () => {
  using backend = referenceBackend();
  using model = externalModel(backend, [mixed[0]]);
  const batch = { examples: 2, loss: 0.5, captures: mixedBatch.captures! };
  using optimizer = ekfac(model, { fisher: { kind: "monteCarlo" } });
  assert.throws(() => optimizer.stepSync(batch), StateError);
  optimizer.stepSync({ ...batch, sampledOutputGradients: { dense: [2, 2] } });
  // E[g^2] over the outputs, of which there is one.
  assert.deepEqual([...backend.readSync(optimizer.preconditioner.state["dense.outputFactor"])], [
    4,
  ]);
});

Deno.test("ExternalModel names what does not fit and leaves the weights as they were", () => {
  using backend = referenceBackend();
  using model = externalModel(backend, mixed);
  using optimizer = adam(model);
  const step = (change: Partial<ExternalBatch>) => () =>
    optimizer.stepSync({ ...mixedBatch, ...change });
  const capture = { inputs: [1, 2, 3, 4], outputGradients: [1, -3] };
  assert.throws(step({ examples: 0 }), DataError);
  assert.throws(step({ gradients: {} }), /'scale', whose layer kind is 'other'/);
  assert.throws(step({ captures: {} }), /a capture or a gradient of 'dense'/);
  assert.throws(step({ captures: { dens: capture } }), /'dens' is no parameter .*dense, scale/);
  assert.throws(step({ captures: { dense: { ...capture, inputs: [1] } } }), ShapeError);
  assert.throws(
    step({ captures: { dense: { ...capture, outputGradients: [1, NaN] } } }),
    /number 1 of the output gradients of 'dense' must be finite/,
  );
  assert.throws(step({ loss: NaN }), /loss/);
  assert.throws(() => model.writeWeights({ dense: [1, 2, 3], scale: [1] }), ShapeError);
  assert.throws(() => model.writeWeights({ dens: [1, 2, 3] }), OptionError);
  assert.equal(optimizer.stepCount, 0);
  assert.deepEqual([...model.readWeightsSync().dense], [0, 0, 0]);
});

Deno.test("externalModel() refuses shapes that do not fit, names used twice, adapted damping", () => {
  using backend = referenceBackend();
  const [dense] = mixed;
  assert.throws(() => externalModel(backend, [dense, dense]), OptionError);
  assert.throws(() => externalModel(backend, [{ ...dense, shape: [1, 1] }]), OptionError);
  assert.throws(() => externalModel(backend, [{ ...parameters[0], shape: [3, 8] }]), ShapeError);
  using model = externalModel(backend, [dense]);
  assert.throws(() => tekfac(model, { dampingAdaptation: {} }), OptionError);
  assert.equal(backend.memory().handles, 2);
});

gpuTest("ExternalModel takes the steps of WebAssembly", async (gpu) => {
  const weightsOn = async (backend: Backend): Promise<ArrayLike<number>> => {
    using model = externalModel(backend, parameters);
    using optimizer = tekfac(model);
    for (let step = 0; step < 3; step++) {
      const { conv1 } = await model.readWeights();
      optimizer.step(convolutionBatch(conv1, 4, step).batch);
    }
    return (await model.readWeights()).conv1;
  };
  using wasm = await createBackend({ prefer: ["wasm"] });
  const [actual, expected] = [await weightsOn(gpu), await weightsOn(wasm)];
  const largest = Math.max(...Array.from(expected, Math.abs));
  for (let i = 0; i < expected.length; i++) {
    assert.ok(Math.abs(actual[i] - expected[i]) <= 1e-3 * largest, `${actual[i]}, ${expected[i]}`);
  }
});
