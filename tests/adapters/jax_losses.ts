/**
 * The same networks by jax-js with our optimizers and by our own layers, from equal weights on equal
 * batches. `deno task test:adapters`; no part of the gate.
 */
import assert from "#assert";
import {
  type Array as JaxArray,
  defaultDevice,
  init,
  lax,
  nn,
  numpy as np,
  tree,
} from "npm:@jax-js/jax@0.1.25";
import {
  adam,
  type Backend,
  conv2d,
  createBackend,
  dense,
  type ExternalModel,
  flatten,
  type LayerSpec,
  type Objective,
  objective,
  type Optimizer,
  OptionError,
  relu,
  type Sequential,
  sequential,
  ShapeError,
  softmaxCrossEntropy,
  StateError,
  tanh,
  tekfac,
} from "@tekfac/tekfac";
import { Random } from "@tekfac/tekfac/core";
import {
  applyUpdates,
  captured,
  type JaxLayers,
  type Probe,
  transformation,
} from "@tekfac/tekfac/jax";
import { readWeightsSync } from "@tekfac/tekfac/nn";

await init("wasm");
defaultDevice("wasm");

type Params = Record<string, { w: JaxArray; b: JaxArray }>;
type Create = <B>(problem: Objective<B>) => Optimizer<B>;

const array = (data: ArrayLike<number>, shape: number[]): JaxArray =>
  np.array(Float32Array.from(data)).reshape(shape);

/** Mean softmax cross-entropy of logits [N, K] against one-hot targets. */
function crossEntropy(logits: JaxArray, targets: JaxArray): JaxArray {
  return np.mean(np.sum(nn.logSoftmax(logits).mul(targets), -1)).mul(-1);
}

/** A network both ways. */
interface Twin {
  readonly input: [number] | [number, number, number];
  readonly layers: LayerSpec[];
  readonly jaxLayers: JaxLayers;
  /** Our weights [dOut, dIn'] in the public order as arrays of jax-js. */
  params(weights: Float64Array[]): Params;
  logits(params: Params, probe: Probe, x: JaxArray): JaxArray;
}

/** [dOut, dIn + 1] as w [dIn, dOut] and b. */
function denseParams(weights: Float64Array, dOut: number): { w: JaxArray; b: JaxArray } {
  const whole = array(weights, [dOut, weights.length / dOut]);
  const dIn = weights.length / dOut - 1;
  return {
    w: np.transpose(whole.ref.slice([], [0, dIn])),
    b: whole.slice([], dIn),
  };
}

const perceptron: Twin = {
  input: [6],
  layers: [dense(8), tanh(), dense(3)],
  jaxLayers: { dense1: { kind: "dense" }, dense2: { kind: "dense" } },
  params: ([first, second]) => ({
    dense1: denseParams(first, 8),
    dense2: denseParams(second, 3),
  }),
  logits({ dense1, dense2 }, probe, x) {
    const h = np.tanh(probe("dense1", x.ref, np.dot(x, dense1.w).add(dense1.b)));
    return probe("dense2", h.ref, np.dot(h, dense2.w).add(dense2.b));
  },
};

const convolutional: Twin = {
  input: [6, 6, 2],
  layers: [conv2d(4, { kernel: 3, stride: 2, padding: 1 }), relu(), flatten(), dense(3)],
  jaxLayers: {
    conv1: { kind: "conv2d", image: [6, 6], stride: 2, padding: 1 },
    dense1: { kind: "dense" },
  },
  params: ([kernel, second]) => {
    const whole = array(kernel, [4, 19]);
    return {
      conv1: { w: whole.ref.slice([], [0, 18]).reshape([4, 2, 3, 3]), b: whole.slice([], 18) },
      dense1: denseParams(second, 3),
    };
  },
  logits({ conv1, dense1 }, probe, x) {
    const images = np.transpose(x.reshape([-1, 6, 6, 2]), [0, 3, 1, 2]);
    const z = lax.convGeneralDilated(images.ref, conv1.w, [2, 2], [[1, 1], [1, 1]])
      .add(conv1.b.reshape([1, 4, 1, 1]));
    const h = np.transpose(nn.relu(probe("conv1", images, z)), [0, 2, 3, 1]).reshape([-1, 36]);
    return probe("dense1", h.ref, np.dot(h, dense1.w).add(dense1.b));
  },
};

const examples = 32;

function batchOf(size: number, random: Random): { inputs: Float32Array; targets: number[] } {
  const inputs = Float32Array.from({ length: examples * size }, () => random.normal());
  const targets = Array.from({ length: examples }, (_, n) => {
    const [a, b] = inputs.subarray(n * size, n * size + 2);
    return a > 0.3 ? 2 : b > 0 ? 1 : 0;
  });
  return { inputs, targets };
}

const weightsOf = (backend: Backend, model: Sequential): Float64Array[] =>
  model.parameters.map((parameter) => readWeightsSync(backend, parameter));

/** Losses of 20 steps both ways. */
async function losses(twin: Twin, create: Create): Promise<[actual: number[], expected: number[]]> {
  using backend = await createBackend({ prefer: ["wasm"] });
  using model = sequential(backend, { input: twin.input, layers: twin.layers, seed: 1 });
  let params = twin.params(weightsOf(backend, model));
  const size = twin.input.reduce((product, n) => product * n, 1);
  const differentiate = captured(
    twin.jaxLayers,
    (params: Params, probe, x, y) => crossEntropy(twin.logits(params, probe, x), y),
  );
  const theirs = transformation(backend, twin.jaxLayers, (model: ExternalModel) => create(model));
  let state = await theirs.init(tree.ref(params));
  using ours = create(objective(model, softmaxCrossEntropy()));

  const random = new Random(7), actual: number[] = [], expected: number[] = [];
  for (let step = 0; step < 20; step++) {
    const batch = batchOf(size, random);
    expected.push(ours.stepSync(batch).loss);
    const x = array(batch.inputs, [examples, size]);
    const oneHot = batch.targets.flatMap((label) => [0, 1, 2].map((k) => k === label ? 1 : 0));
    const [gradients, observation] = differentiate(
      tree.ref(params),
      x,
      array(oneHot, [examples, 3]),
    );
    const [updates, next] = await theirs.update(
      gradients,
      state,
      tree.ref(params),
      observation,
    );
    params = applyUpdates(params, updates);
    state = next;
    actual.push(state.report!.loss);
  }
  state[Symbol.dispose]();
  tree.dispose(params);
  return [actual, expected];
}

const optimizers: Record<string, Create> = {
  // Stated, since a default would be adapted on one side alone: jax-js is not asked for trial losses.
  // What a model elsewhere cannot do, the other does not do either.
  tekfac: (problem) => tekfac(problem, { fisher: { kind: "perLoss" }, takeBack: false }),
  adam: (problem) => adam(problem, { learningRate: 0.01 }),
};

for (const [name, twin] of Object.entries({ perceptron, convolutional })) {
  for (const [method, create] of Object.entries(optimizers)) {
    Deno.test(`${method} through jax-js has the losses of our own ${name} for 20 steps`, async () => {
      const [actual, expected] = await losses(twin, create);
      const worst = Math.max(...actual.map((loss, i) => Math.abs(loss / expected[i] - 1)));
      assert.ok(Math.abs(actual[0] / expected[0] - 1) <= 1e-5, `${actual[0]}, ${expected[0]}`);
      // jax-js' exponentials and logarithms are good to 1e-6; training carries that from step to step.
      assert.ok(worst <= 1e-3, `${worst}: ${actual} instead of ${expected}`);
      assert.ok(actual[19] < actual[0]);
    });
  }
}

Deno.test("transformation() trains arrays of no layer by their gradients alone", async () => {
  using backend = await createBackend({ prefer: ["wasm"] });
  const layers = { line: { kind: "dense" } } as const;
  let params = { line: { w: np.zeros([2, 1]) }, scale: np.ones([1]) };
  const differentiate = captured(layers, ({ line, scale }: typeof params, probe, x, y) => {
    const z = probe("line", x.ref, np.dot(x, line.w));
    return np.mean(np.square(z.add(scale).sub(y))).mul(0.5);
  });
  const optimizer = transformation(backend, layers, (model) => tekfac(model));
  let state = await optimizer.init(tree.ref(params));
  assert.match(state.optimizer.describe(), /scale +other +\[1, 1\] +diagonal/);
  const losses: number[] = [];
  for (let step = 0; step < 10; step++) {
    const x = array([1, 2, 3, 5], [2, 2]), y = array([1, 2], [2, 1]);
    const [gradients, observation] = differentiate(tree.ref(params), x, y);
    const [updates, next] = await optimizer.update(
      gradients,
      state,
      tree.ref(params),
      observation,
    );
    params = applyUpdates(params, updates);
    state = next;
    losses.push(state.report!.loss);
  }
  assert.ok(losses[9] < losses[0]);
  assert.notEqual((await params.scale.ref.data())[0], 1);
  state[Symbol.dispose]();
  assert.equal(backend.memory().handles, 0);
  tree.dispose(params);
});

Deno.test("captured() and update() consume each argument once, and leave what was referenced", async () => {
  using backend = await createBackend({ prefer: ["wasm"] });
  const layers = { line: { kind: "dense" } } as const;
  const params = { line: { w: np.zeros([2, 1]), b: np.zeros([1]) } };
  const differentiate = captured(
    layers,
    ({ line }: typeof params, probe, x) =>
      np.mean(np.square(probe("line", x.ref, np.dot(x, line.w).add(line.b)).sub(1))),
  );
  const optimizer = transformation(backend, layers, (model) => tekfac(model));
  let state = await optimizer.init(tree.ref(params));
  const x = np.ones([3, 2]);
  for (let step = 0; step < 2; step++) {
    const [gradients, observation] = differentiate(tree.ref(params), x.ref);
    const [use] = observation.captures.line;
    if (!("inputs" in use)) throw new Error("a dense layer leaves inputs");
    const { inputs, outputGradients } = use;
    const consumed = [
      gradients.line.w,
      gradients.line.b,
      inputs,
      outputGradients,
      observation.loss,
    ];
    const [updates, next] = await optimizer.update(
      gradients,
      state,
      tree.ref(params),
      observation,
    );
    state = next;
    assert.deepEqual(consumed.map(({ refCount }) => refCount), [0, 0, 0, 0, 0]);
    tree.dispose(updates);
  }
  assert.deepEqual([x, params.line.w, params.line.b].map(({ refCount }) => refCount), [1, 1, 1]);
  state[Symbol.dispose]();
  x.dispose();
  tree.dispose(params);
});

Deno.test("transformation() and captured() name what does not fit", async () => {
  using backend = await createBackend({ prefer: ["wasm"] });
  const params = () => ({ line: { w: np.zeros([2, 1]), b: np.zeros([1]) } });
  const start = (layers: JaxLayers, tree: object = params()) =>
    transformation(backend, layers, (model) => tekfac(model)).init(tree as Params);
  await assert.rejects(start({ lin: { kind: "dense" } }), OptionError);
  await assert.rejects(start({ line: { kind: "conv2d", image: [4, 4] } }), OptionError);
  await assert.rejects(
    start({ line: { kind: "dense" } }, { line: { w: np.zeros([2, 1]), b: np.zeros([2]) } }),
    ShapeError,
  );
  class Foreign {
    readonly shape = [2, 1];
  }
  await assert.rejects(
    start({ line: { kind: "dense" } }, { line: { w: new Foreign() } }),
    (error: unknown) => error instanceof StateError && /jax 0\.1\.25/.test(error.message),
  );
  const layers = { line: { kind: "dense" } } as const;
  const call = (names: string[]) => () =>
    captured(layers, ({ line }: ReturnType<typeof params>, probe, x) => {
      let z = np.dot(x, line.w).add(line.b);
      for (const name of names) z = probe(name, z.ref, z);
      return np.mean(z);
    })(params(), np.ones([3, 2]));
  assert.throws(call(["lime"]), /'lime'/);
  assert.throws(call(["line", "lime"]), /must be one of 'line'/);
  assert.throws(call([]), /'layers.line' must be probed/);
  assert.equal(backend.memory().handles, 0);
});
