/** Normalisations, embeddings, attention: gradients, what is refused, and that the default step trains them. */
import assert from "#assert";
import { type EmbeddingCapture, Random } from "@tekfac/tekfac/core";
import {
  attention,
  dense,
  embedding,
  gelu,
  gpt,
  groupNorm,
  layerNorm,
  type LayerSpec,
  meanPositions,
  objective,
  residual,
  rmsNorm,
  sequential,
  silu,
  softmaxCrossEntropy,
  softplus,
  tanh,
} from "@tekfac/tekfac/nn";
import { ekfac, kfac, type Optimizer, soap, tekfac, tkfac } from "@tekfac/tekfac/optim";
import { createBackend } from "@tekfac/tekfac/backend";
import {
  checkLayers,
  checkParameterGradient,
  createReference,
  normal,
  onReference,
} from "./_harness.ts";

const SHAPES = [[7], [3, 4], [2, 3, 2]] as const;

const everywhere: Record<string, () => LayerSpec> = {
  "layerNorm()": () => layerNorm({ epsilon: 0.1 }),
  "rmsNorm()": () => rmsNorm({ epsilon: 0.1 }),
  "rmsNorm() without shifts": () => rmsNorm({ epsilon: 0.1, shift: false }),
  "groupNorm() of one group": () => groupNorm({ groups: 1, epsilon: 0.1 }),
  "gelu()": () => gelu(),
  "gelu() of the tanh form": () => gelu({ form: "tanh" }),
  "silu()": silu,
  "softplus()": softplus,
};

for (const [name, layer] of Object.entries(everywhere)) {
  Deno.test(`${name} has the gradients of central differences on any shape`, () =>
    onReference((backend) => {
      for (const input of SHAPES) {
        checkLayers(backend, { input, layers: [tanh(), layer()], examples: 3, seed: 1 });
      }
      const layers = [dense(5), layer(), dense(2)];
      checkLayers(backend, { input: [3, 4], layers, examples: 2, seed: 2 });
    }));
}

Deno.test("attention() has the gradients of central differences, causal or not, with and without bias", () =>
  onReference((backend) => {
    for (const causal of [false, true]) {
      for (const [heads, channels, positions] of [[1, 3, 1], [2, 4, 3], [3, 6, 4]]) {
        const layers = [attention({ heads, causal, bias: heads > 1 })];
        checkLayers(backend, { input: [positions, channels], layers, examples: 2, seed: heads });
      }
    }
  }));

const tokens = (random: Random, count: number, vocabulary: number) =>
  Array.from({ length: count }, () => random.integer(vocabulary));

Deno.test("gpt() has the gradients of central differences in all its parameters", () =>
  onReference((backend) => {
    const layers = gpt({ vocabulary: 5, context: 4, layers: 1, heads: 2, width: 4 });
    using model = sequential(backend, { input: [3], layers, seed: 1 });
    const problem = objective(model, softmaxCrossEntropy());
    const random = new Random(2);
    const batch = { inputs: tokens(random, 6, 5), targets: tokens(random, 6, 5) };
    // Rows as small as they begin, behind a normalisation, bend the loss too much for differences.
    for (const { value } of model.parameters.slice(0, 2)) {
      backend.write(value, normal(random, value.rows * value.cols));
    }
    backend.scope(() => problem.differentiate(batch, { decay: 0, scale: 1 / 2 }));
    for (const parameter of problem.parameters) {
      checkParameterGradient(backend, parameter, () => problem.evaluateSync(batch).loss);
    }
    assert.deepEqual(
      model.parameters.map(({ name, value: { rows, cols } }) => `${name} ${rows} ${cols}`),
      [
        "embedding1 5 4",
        "position1 4 4",
        "layerNorm1 2 4",
        "attention1.qkv 12 5",
        "attention1.out 4 5",
        "layerNorm2 2 4",
        "dense1 16 5",
        "dense2 4 17",
        "layerNorm3 2 4",
        "dense3 5 4",
      ],
    );
  }));

Deno.test("frozen layers of a transformer leave nothing, and the others' gradients as they were", () =>
  onReference((backend) => {
    const layers = gpt({ vocabulary: 5, context: 3, layers: 1, heads: 2, width: 4 });
    using model = sequential(backend, { input: [3], layers, seed: 1 });
    const problem = objective(model, softmaxCrossEntropy());
    const random = new Random(2);
    const batch = { inputs: tokens(random, 6, 5), targets: tokens(random, 6, 5) };
    const gradients = () => {
      const leaves: boolean[] = [];
      backend.scope(() => {
        problem.differentiate(batch, { decay: 0, scale: 1 / 2 });
        leaves.push(...model.parameters.map((p) => problem.capture(p) !== undefined));
      });
      return { leaves, all: model.parameters.map((p) => [...backend.readSync(p.gradient)]) };
    };
    const { all } = gradients();
    const kinds = ["embedding1", "position1", "layerNorm1", "attention1.qkv", "dense1"];
    // One after the other, then all of them: the backward pass ends above the first that is trained.
    for (const frozen of [...kinds.map((name) => [name]), kinds, ["embedding1", "position1"]]) {
      model.freeze(({ name }) => frozen.includes(name));
      const now = gradients();
      model.parameters.forEach(({ name, trainable }, i) => {
        const expected = trainable ? all[i] : all[i].map(() => 0);
        assert.deepEqual(now.all[i], expected, `${name} with ${frozen} frozen`);
        assert.equal(now.leaves[i], trainable, name);
      });
      model.unfreeze();
    }
    assert.deepEqual(gradients().all, all);
  }));

Deno.test("a transformer that is frozen where it is built trains nothing but its head", () =>
  onReference((backend) => {
    const trainable = false;
    using model = sequential(backend, {
      input: [3],
      layers: [
        embedding({ vocabulary: 4, width: 4, positions: 3, trainable }),
        residual([layerNorm({ trainable }), attention({ heads: 2, trainable })]),
        dense(4, { trainable }),
        rmsNorm({ trainable }),
        dense(4),
      ],
      seed: 1,
    });
    assert.deepEqual(model.parameters.filter((p) => p.trainable).map((p) => p.name), ["dense2"]);
    const weights = () => model.parameters.map((p) => [...backend.readSync(p.value)]);
    const before = weights();
    using optimizer = tekfac(objective(model, softmaxCrossEntropy()));
    optimizer.stepSync({ inputs: [0, 1, 2], targets: [1, 2, 3] });
    const after = weights();
    assert.deepEqual(after.slice(0, -1), before.slice(0, -1));
    assert.notDeepEqual(after.at(-1), before.at(-1));
  }));

Deno.test("embedding() leaves tokens and gradients, of the first examples too", () =>
  onReference((backend) => {
    const layers = [embedding({ vocabulary: 4, width: 2 }), meanPositions(), dense(3)];
    using model = sequential(backend, { input: [2], layers, seed: 1 });
    const problem = objective(model, softmaxCrossEntropy());
    backend.scope(() => {
      problem.differentiate({ inputs: [3, 0, 3, 3, 1, 2], targets: [0, 1, 2] }, undefined);
      problem.differentiateSampled(new Random(1), { from: "signs", examples: 2 });
      const capture = problem.capture(problem.parameters[0]) as EmbeddingCapture;
      assert.equal(capture.examples, 2);
      assert.deepEqual([...backend.readSync(capture.tokens)], [3, 0, 3, 3]);
      assert.equal(capture.outputGradients.rows, 4);
    });
  }));

const refusals: Record<string, [() => void, RegExp]> = {
  "a token beyond the vocabulary": [
    () => train([1, 2, 3, 4, 0, 0], [0, 0, 0, 0, 0, 0]),
    /'embedding1' expects tokens, integers in \[0, 3\]: received 4 at position 0 of example 1$/,
  ],
  "a token that is no integer": [
    () => train([1, 0.5, 3], [0, 0, 0]),
    /'embedding1' expects tokens, integers in \[0, 3\]: received 0.5 at position 1 of example 0$/,
  ],
  "an empty batch": [() => train([], []), /expected at least one example, received none/],
  "half a sequence": [() => train([1, 2], [0, 0]), /inputs of 3 numbers per example.*2 numbers/],
  "a sequence longer than the positions": [
    () => build([5], [embedding({ vocabulary: 4, width: 2, positions: 4 })]),
    /'embedding1': expected sequences of at most 4 tokens \(option 'positions'\), received 5$/,
  ],
  "channels as tokens": [
    () => build([5, 2], [embedding({ vocabulary: 4, width: 2 })]),
    /'embedding1': expected a sequence of tokens, as in 'input: \[positions\]', received 5 x 2$/,
  ],
  "a width that the heads do not divide": [
    () => build([5, 6], [attention({ heads: 4 })]),
    /'attention1': expected channels that 4 heads divide evenly, received 6$/,
  ],
  "attention without a sequence": [
    () => build([6], [attention({ heads: 2 })]),
    /'attention1': expected a sequence \[positions, channels\].*received rows of 6 features$/,
  ],
};

function build(input: readonly [number] | readonly [number, number], layers: readonly LayerSpec[]) {
  using backend = createReference();
  try {
    sequential(backend, { input, layers });
  } finally {
    assert.equal(backend.memory().handles, 0);
  }
}

function train(inputs: readonly number[], targets: readonly number[]): void {
  using backend = createReference();
  const layers = [embedding({ vocabulary: 4, width: 2 }), dense(3)];
  using model = sequential(backend, { input: [3], layers });
  using optimizer = tekfac(objective(model, softmaxCrossEntropy()));
  optimizer.stepSync({ inputs, targets });
}

for (const [what, [call, message]] of Object.entries(refusals)) {
  Deno.test(`a model of tokens refuses ${what} in one sentence`, () => {
    assert.throws(call, { message });
  });
}

/** The next token is the sum of the last two, modulo the vocabulary: attention has to look back. */
function sums(random: Random, examples: number, positions: number, vocabulary: number) {
  const inputs: number[] = [], targets: number[] = [];
  for (let n = 0; n < examples; n++) {
    const row = [random.integer(vocabulary), random.integer(vocabulary)];
    while (row.length <= positions) row.push((row.at(-1)! + row.at(-2)!) % vocabulary);
    inputs.push(...row.slice(0, positions));
    targets.push(...row.slice(1));
  }
  return { inputs, targets };
}

type Model = ReturnType<typeof objective>;
const optimizers: Record<
  string,
  (model: Model) => Optimizer<{ inputs: ArrayLike<number>; targets: ArrayLike<number> }>
> = {
  tekfac: (model) => tekfac(model),
  "tekfac of low rank": (model) => tekfac(model, { rank: 4 }),
  ekfac: (model) => ekfac(model, { rank: "full" }),
  kfac: (model) => kfac(model),
  tkfac: (model) => tkfac(model),
  soap: (model) => soap(model, { learningRate: 0.01 }),
};

for (const [name, create] of Object.entries(optimizers)) {
  Deno.test(`${name} with its defaults trains a transformer`, async () => {
    using backend = await createBackend({ prefer: ["wasm"] });
    const [vocabulary, positions] = [5, 6];
    const layers = gpt({ vocabulary, context: positions, layers: 1, heads: 2, width: 16 });
    using model = sequential(backend, { input: [positions], layers, seed: 1 });
    using optimizer = create(objective(model, softmaxCrossEntropy()));
    const random = new Random(3);
    let loss = Infinity;
    for (let step = 0; step < 120; step++) {
      loss = optimizer.stepSync(sums(random, 32, positions, vocabulary)).loss;
    }
    // The first token alone says nothing of the second: no model is below log(5) / 6 = 0.27.
    assert(loss < 0.6, `${loss}`);
  });
}

Deno.test("residual() of a pre-normalised body is the identity where its last layer is zero", () =>
  onReference((backend) => {
    const layers = [residual([layerNorm(), dense(4, { init: () => 0 })])];
    using model = sequential(backend, { input: [2, 4], layers });
    const inputs = [1, 2, 3, 4, 5, 6, 7, 8];
    assert.deepEqual([...objective(model, softmaxCrossEntropy()).predictSync(inputs)], inputs);
  }));
