/** Sequences of unequal length: as if each had been alone, with as many positions as it has. */
import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { type KroneckerCapture, type Matrix, Random } from "@tekfac/tekfac/core";
import {
  EkfacBlock,
  EmbeddingBlock,
  KfacBlock,
  Refresher,
  TekfacBlock,
  TkfacBlock,
} from "@tekfac/tekfac/curvature";
import { loadModel, saveModel } from "@tekfac/tekfac/model";
import {
  attention,
  conv1d,
  dense,
  embedding,
  flatten,
  gelu,
  huber,
  lastPosition,
  layerNorm,
  type LayerSpec,
  type Loss,
  masking,
  meanPositions,
  type ModelObjective,
  objective,
  residual,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
  squaredError,
  tiedHead,
} from "@tekfac/tekfac/nn";
import { ekfac, kfac, muon, type Optimizer, soap, tekfac, tkfac } from "@tekfac/tekfac/optim";
import { allClose, download } from "@tekfac/tekfac/testing";
import { checkParameterGradient, createReference, normal, onReference } from "./_harness.ts";

const [POSITIONS, VOCABULARY, CLASSES, PADDING] = [5, 6, 3, -7];
const LENGTHS = [3, 5, 1, 4];
const EXAMPLES = LENGTHS.length;

interface Batch {
  readonly inputs: number[];
  readonly targets: number[];
}

/** Examples of their own lengths. */
function sentences(random: Random, labels: "each" | "one"): Batch[] {
  return LENGTHS.map((length) => ({
    inputs: Array.from({ length }, () => random.integer(VOCABULARY)),
    targets: Array.from({ length: labels === "one" ? 1 : length }, () => random.integer(CLASSES)),
  }));
}

/** All in one batch; labels of padding are none. */
function padded(sentences: readonly Batch[], side: "left" | "right"): Batch {
  const fill = (numbers: number[], filler: number) => {
    const rest = Array(POSITIONS - numbers.length).fill(filler);
    return side === "left" ? [...rest, ...numbers] : [...numbers, ...rest];
  };
  const one = sentences.every(({ targets }) => targets.length === 1);
  return {
    inputs: sentences.flatMap(({ inputs }) => fill(inputs, PADDING)),
    targets: sentences.flatMap(({ targets }) => one ? targets : fill(targets, -1)),
  };
}

const table = () => embedding({ vocabulary: VOCABULARY, width: 4, padding: PADDING });

interface Case {
  readonly layers: () => LayerSpec[];
  readonly labels: "each" | "one";
  readonly sides: readonly ("left" | "right")[];
  readonly loss?: Loss;
}

const block = (causal: boolean, rotary = false) => [
  residual([layerNorm(), attention({ heads: 2, causal, rotary })]),
  residual([layerNorm(), dense(6), gelu(), dense(4)]),
];

const cases: Record<string, Case> = {
  "the mean of positions": {
    layers: () => [table(), ...block(false), meanPositions(), dense(CLASSES)],
    labels: "one",
    sides: ["left", "right"],
  },
  "the last position": {
    layers: () => [table(), ...block(true, true), lastPosition(), dense(CLASSES)],
    labels: "one",
    sides: ["left", "right"],
  },
  "a loss over positions": {
    layers: () => [table(), ...block(true), dense(CLASSES)],
    labels: "each",
    sides: ["left", "right"],
  },
  "a sum of losses over positions": {
    layers: () => [table(), ...block(false), dense(1)],
    labels: "each",
    sides: ["left", "right"],
    loss: huber({ delta: 0.5 }),
  },
  "windows over positions": {
    layers: () => [
      table(),
      conv1d(4, { kernel: 3, padding: "same" }),
      gelu(),
      conv1d(6, { kernel: 3, padding: "causal", dilation: 2, groups: 2 }),
      layerNorm(),
      conv1d(4, { kernel: 2, padding: "causal" }),
      dense(CLASSES),
    ],
    labels: "each",
    sides: ["left", "right"],
  },
  "learned positions": {
    layers: () => [
      embedding({ vocabulary: VOCABULARY, width: 4, positions: POSITIONS, padding: PADDING }),
      ...block(true),
      dense(CLASSES),
    ],
    labels: "each",
    sides: ["right"],
  },
};

function modelOf(backend: Backend, positions: number, layers: readonly LayerSpec[]): Sequential {
  const model = sequential(backend, { input: [positions], layers, seed: 3 });
  // Rows as small as they begin, behind a normalisation, bend the loss too much for differences.
  const random = new Random(9);
  for (const { layer, value } of model.parameters) {
    if (layer.kind === "embedding") backend.write(value, normal(random, value.rows * value.cols));
  }
  return model;
}

for (
  const [name, { layers, labels, sides, loss = softmaxCrossEntropy() }] of Object.entries(cases)
) {
  for (const side of sides) {
    Deno.test(`padding on the ${side} changes nothing of ${name}: losses, gradients, differences`, () =>
      onReference((backend) => {
        const alone = sentences(new Random(1), labels);
        const batch = padded(alone, side);
        using model = modelOf(backend, POSITIONS, layers());
        const problem = objective(model, loss);
        const losses = backend.scope(() =>
          backend.readSync(problem.differentiate(batch, { decay: 0, scale: 1 / EXAMPLES })).slice()
        );
        const sums = model.parameters.map(({ value }) => new Float64Array(value.rows * value.cols));
        const expected = alone.map((sentence) => {
          using one = modelOf(backend, sentence.inputs.length, layers());
          const own = objective(one, loss);
          const [l] = backend.scope(() =>
            backend.readSync(own.differentiate(sentence, { decay: 0, scale: 1 / EXAMPLES })).slice()
          );
          one.parameters.forEach(({ gradient }, i) =>
            backend.readSync(gradient).forEach((g, j) => sums[i][j] += g)
          );
          return l;
        });
        allClose(losses, expected, { absolute: 1e-12 });
        model.parameters.forEach((parameter, i) => {
          const { gradient, name } = parameter;
          allClose(backend.readSync(gradient), sums[i], { absolute: 1e-12, label: name });
          checkParameterGradient(backend, parameter, () => problem.evaluateSync(batch).loss);
        });
      }));
  }
}

const damping = { kind: "absolute", lambda: 1 } as const;
const METHODS = { kfac: KfacBlock, ekfac: EkfacBlock, tkfac: TkfacBlock, tekfac: TekfacBlock };
const METHOD_NAMES = Object.keys(METHODS) as (keyof typeof METHODS)[];
const MEAN_LENGTH = LENGTHS.reduce((sum, length) => sum + length, 0) / EXAMPLES;

for (const method of METHOD_NAMES) {
  Deno.test(`padding changes nothing of the factors and eigenvalues of ${method}`, () =>
    onReference((backend) => {
      const layers = () => [table(), dense(4), gelu(), attention({ heads: 2 }), dense(CLASSES)];
      const alone = sentences(new Random(1), "each");
      using model = modelOf(backend, POSITIONS, layers());
      const problem = objective(model, softmaxCrossEntropy());
      const blocksOf = (m: Sequential) =>
        m.parameters.map((parameter, i) =>
          i === 0
            ? new EmbeddingBlock(backend, parameter, { method, damping })
            : new METHODS[method](backend, parameter, { damping })
        );
      const blocks = blocksOf(model);
      const each = blocksOf(model);
      const refresh = (block: typeof blocks[number]) =>
        new Refresher(backend, { kind: "immediate" }, 0).refresh(0, [block]);
      backend.scope(() => {
        problem.differentiate(padded(alone, "right"), { decay: 0, scale: 1 / EXAMPLES });
        const captures = model.parameters.map((p) => problem.capture(p));
        blocks.forEach((block, i) => {
          block.observeStatistics(captures[i] as never, { decay: 0, scale: 1 / EXAMPLES });
          refresh(block);
          if (!("observeEigenvalues" in block)) return;
          block.observeEigenvalues(captures[i] as never, { decay: 0, scale: 1 / EXAMPLES });
        });
        // The same of one example after the other.
        const ones = alone.map(({ inputs }) => modelOf(backend, inputs.length, layers()));
        const problems = ones.map((one) => objective(one, softmaxCrossEntropy()));
        const all = problems.map((own, n) => {
          own.differentiate(alone[n], { decay: 0, scale: 1 });
          return ones[n].parameters.map((p) => own.capture(p));
        });
        each.forEach((block, i) => {
          all.forEach((own, n) => {
            const blend = { decay: +(n > 0), scale: 1 / EXAMPLES };
            block.observeStatistics(own[i] as never, blend);
          });
        });
        const matrix = (block: typeof blocks[number], side: "output" | "input"): Matrix =>
          block instanceof EmbeddingBlock
            ? side === "input" ? block.inputFactor : block.output.state.outputFactor
            : side === "input"
            ? block.inputFactor
            : block.outputFactor;
        blocks.forEach((block, i) => {
          const { name } = block.parameter;
          const read = (b: typeof block, side: "output" | "input") =>
            download(backend, matrix(b, side)).data;
          allClose(read(block, "input"), read(each[i], "input"), { absolute: 1e-12, label: name });
          // KFAC's and EKFAC's B is a mean over the locations of all examples.
          const expected = method.startsWith("t")
            ? read(each[i], "output")
            : read(each[i], "output").map((_, at) =>
              all.reduce((sum, own, n) => {
                const { outputGradients } = own[i] as KroneckerCapture;
                const { data, cols } = download(backend, outputGradients);
                let product = 0;
                for (let t = 0; t < LENGTHS[n]; t++) {
                  product += data[t * cols + Math.floor(at / cols)] * data[t * cols + at % cols];
                }
                return sum + product;
              }, 0) / EXAMPLES / MEAN_LENGTH
            );
          allClose(read(block, "output"), expected, { absolute: 1e-12, label: `${name}, output` });
        });
        // In the same basis, the same eigenvalues.
        blocks.forEach((block, i) => {
          if (!(block instanceof EkfacBlock || block instanceof TekfacBlock)) return;
          refresh(each[i]);
          const theta = block.eigenvalues;
          const copy = backend.scratch(theta.rows, theta.cols);
          all.forEach((own, n) =>
            backend.squaredProjection(copy, own[i] as KroneckerCapture, block.basis, {
              decay: +(n > 0),
              scale: 1 / EXAMPLES,
            })
          );
          allClose(backend.readSync(theta), backend.readSync(copy).slice(), {
            absolute: 1e-11,
            label: block.parameter.name,
          });
        });
        for (const one of ones) one[Symbol.dispose]();
      });
      for (const b of [...blocks, ...each]) b[Symbol.dispose]();
    }));
}

for (const create of [ekfac, tekfac]) {
  Deno.test(`padding changes nothing of what ${create.name}() knows of windows, one channel or several`, () =>
    onReference((backend) => {
      const layers = () => [
        table(),
        conv1d(4, { kernel: 3, padding: "same", groups: 4 }),
        gelu(),
        conv1d(4, { kernel: 3, padding: "causal", groups: 2 }),
        conv1d(4, { kernel: 2, padding: "causal" }),
        dense(CLASSES),
      ];
      const [alone] = sentences(new Random(1), "each");
      const stateOf = (batch: Batch) => {
        using model = modelOf(backend, batch.inputs.length, layers());
        using optimizer = create(objective(model, softmaxCrossEntropy()), {
          fisher: "empirical",
          rank: "full",
          learningRate: 0,
        });
        optimizer.stepSync(batch);
        return Object.entries(optimizer.preconditioner.state)
          .filter(([name]) => /Factor$/.test(name))
          .map(([name, m]) => [name, backend.readSync(m).slice()] as const);
      };
      const [expected, actual] = [alone, padded([alone], "right")].map(stateOf);
      assert(expected.length > 8);
      actual.forEach(([name, numbers], i) => {
        assert.equal(name, expected[i][0]);
        allClose(numbers, expected[i][1], { absolute: 1e-12, label: name });
      });
    }));
}

Deno.test("masking() is padding of numbers: means, sums and losses are those of the real positions", () =>
  onReference((backend) => {
    const random = new Random(2);
    const layers = [masking(9), dense(2)];
    using model = sequential(backend, { input: [3, 2], layers, seed: 1 });
    const problem = objective(model, squaredError());
    const [first, second] = [normal(random, 4), normal(random, 2)];
    const inputs = [...first, 9, 9, 9, 9, ...second, 9, 9];
    const targets = Array.from({ length: 12 }, (_, i) => i / 7);
    const z = problem.predictSync(inputs);
    const real = [0, 1, 2, 3, 8, 9];
    const expected = real.reduce((sum, i) => sum + (z[i] - targets[i]) ** 2 / 2, 0) / 2;
    const rows: number[] = [];
    const { loss } = problem.evaluateSync({ inputs, targets }, {
      onOutputs: (outputs, own) => rows.push(outputs.length, own.length),
    });
    allClose([loss], [expected], { relative: 1e-13 });
    assert.deepEqual(rows, [6, 6]);
  }));

Deno.test("evaluate() counts labels of real positions alone", async () => {
  using backend = await createBackend();
  const layers = [embedding({ vocabulary: 2, width: 2, padding: 5 })];
  using model = sequential(backend, { input: [3], layers });
  backend.write(model.parameters[0].value, [1, 0, 0, 1]);
  const problem = objective(model, softmaxCrossEntropy());
  const batch = { inputs: [0, 5, 5, 1, 1, 5], targets: [0, 0, 0, 1, 0, -1] };
  assert.equal((await problem.evaluate(batch)).accuracy, 2 / 3);
});

const optimizers: Record<string, (problem: ModelObjective) => Optimizer<Batch>> = {
  ekfac: (problem) => ekfac(problem),
  kfac: (problem) => kfac(problem),
  muon: (problem) => muon(problem),
  soap: (problem) => soap(problem, { learningRate: 1e-2 }),
  tekfac: (problem) => tekfac(problem),
  "tekfac of drawn targets": (problem) => tekfac(problem, { fisher: "monteCarlo" }),
  tkfac: (problem) => tkfac(problem),
};

for (const [name, create] of Object.entries(optimizers)) {
  Deno.test(`${name} learns sentences of unequal length with a tied head, and files keep the padding`, async () => {
    using backend = await createBackend({ prefer: ["wasm"] });
    const tokens = embedding({ vocabulary: 5, width: 36, positions: 4, padding: 9 });
    const attends = residual([layerNorm(), attention({ heads: 2, causal: true, dropout: 0.1 })]);
    const layers = [tokens, attends, layerNorm(), tiedHead(tokens)];
    using model = sequential(backend, { input: [4], layers, seed: 1 });
    const problem = objective(model, softmaxCrossEntropy());
    using optimizer = create(problem);
    const batch = { inputs: [0, 1, 2, 3, 3, 1, 9, 9], targets: [1, 2, 3, 4, 1, 2, 0, 0] };
    const first = optimizer.stepSync(batch).loss;
    for (let i = 0; i < 80; i++) optimizer.stepSync(batch);
    const { loss } = problem.evaluateSync(batch);
    assert(loss < first / 2, `from ${first} to ${loss}`);
    using kept = (await loadModel(backend, await saveModel(problem))).model;
    const again = objective(kept, softmaxCrossEntropy()).evaluateSync(batch);
    assert.equal(again.loss, loss);
  });
}

Deno.test("what cannot be padded is refused in one sentence", () => {
  using backend = createReference();
  using model = sequential(backend, { input: [2], layers: [table(), dense(CLASSES)] });
  const problem = objective(model, softmaxCrossEntropy());
  const refused = (batch: Batch, message: RegExp) =>
    assert.throws(() => problem.examplesOf(batch), message);
  refused(
    { inputs: [1, 2, PADDING, PADDING], targets: [0, 0, 0, 0] },
    /'embedding1' expects a position that is not padding in every example: example 1 has none/,
  );
  refused(
    { inputs: [1, -1], targets: [0, 0] },
    /'embedding1' expects tokens.*received -1 at position 1/,
  );
  refused({ inputs: [PADDING, 1], targets: [0, 3] }, /label of position 1 of example 0 must be an/);
  assert.throws(
    () => sequential(backend, { input: [2, 3], layers: [dense(3), masking()] }),
    /Cannot build 'masking1': expected to be the first layer of the model/,
  );
  using flat = sequential(backend, { input: [2], layers: [table(), flatten(), dense(CLASSES)] });
  assert.throws(
    () => objective(flat, softmaxCrossEntropy()).predictSync([1, PADDING]),
    /Cannot run 'flatten1' on sequences with padding/,
  );
  using shorter = sequential(backend, { input: [2], layers: [table(), conv1d(3, { kernel: 2 })] });
  assert.throws(
    () => objective(shorter, softmaxCrossEntropy()).predictSync([1, PADDING]),
    /Cannot run 'conv1d1' on sequences with padding: it gives 1 positions of 2; with stride 1/,
  );
  assert.throws(() => masking(NaN), /'value' must be a finite number/);
});
