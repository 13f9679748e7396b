/** Whole networks on every backend: losses, gradients and what curvature sees, against float64. */
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { type Capture, type Matrix, Random } from "@tekfac/tekfac/core";
import {
  attention,
  type BatchLike,
  batchNorm2d,
  conv2d,
  dense,
  embedding,
  gaussianNll,
  globalAveragePool2d,
  groupNorm,
  huber,
  lastPosition,
  layerNorm,
  type LayerSpec,
  type Loss,
  masking,
  meanPositions,
  objective,
  relu,
  residual,
  sequential,
  type SequentialOptions,
  softmax,
  softmaxCrossEntropy,
  squaredError,
  tiedHead,
} from "@tekfac/tekfac/nn";
import { allClose } from "@tekfac/tekfac/testing";
import { gpuTest, wasmBackend } from "./_parity.ts";

interface Network {
  readonly input: SequentialOptions["input"];
  readonly layers: readonly LayerSpec[];
  readonly loss: Loss;
  readonly batch: BatchLike;
}

const EXAMPLES = 3;

function tokens(count: number): number[] {
  const random = new Random(7);
  return Array.from({ length: count }, () => random.integer(5));
}

function numbers(count: number): number[] {
  const random = new Random(8);
  return Array.from({ length: count }, () => random.normal());
}

const networks: Record<string, () => Network> = {
  "a block in two places and a tied head": () => {
    const table = embedding({ vocabulary: 5, width: 8, positions: 4 });
    const block = residual([layerNorm(), attention({ heads: 2, causal: true }), dense(8)]);
    return {
      input: [4],
      layers: [table, block, block, layerNorm(), tiedHead(table)],
      loss: softmaxCrossEntropy(),
      batch: { inputs: tokens(4 * EXAMPLES), targets: tokens(4 * EXAMPLES).reverse() },
    };
  },
  "normalisations of images": () => ({
    input: [4, 3, 2],
    layers: [
      conv2d(6, { kernel: 3, padding: 1 }),
      groupNorm({ groups: 3 }),
      relu(),
      batchNorm2d(),
      globalAveragePool2d(),
      dense(5),
    ],
    loss: softmaxCrossEntropy(),
    batch: { inputs: numbers(24 * EXAMPLES), targets: tokens(EXAMPLES) },
  }),
  "a sequence with means and variances": () => ({
    input: [4, 3],
    layers: [dense(6), relu(), dense(4)],
    loss: gaussianNll(),
    batch: { inputs: numbers(12 * EXAMPLES), targets: numbers(8 * EXAMPLES) },
  }),
  "residuals of both kinds": () => ({
    input: [3],
    layers: [dense(6), relu(), dense(5)],
    loss: huber({ delta: 0.5 }),
    batch: { inputs: numbers(3 * EXAMPLES), targets: numbers(5 * EXAMPLES) },
  }),
  "smoothed labels": () => ({
    input: [3],
    layers: [dense(6), relu(), dense(5)],
    loss: softmaxCrossEntropy({ smoothing: 0.2 }),
    batch: { inputs: numbers(3 * EXAMPLES), targets: tokens(EXAMPLES) },
  }),
  "sentences with padding, rotary positions and dropout": () => {
    const table = embedding({ vocabulary: 5, width: 8, padding: 4 });
    const block = residual([
      layerNorm(),
      attention({ heads: 2, causal: true, rotary: true, dropout: 0.3 }),
      dense(8),
      softmax(),
    ]);
    return {
      input: [4],
      layers: [table, block, layerNorm(), tiedHead(table)],
      loss: softmaxCrossEntropy(),
      batch: { inputs: [0, 1, 4, 4, 2, 3, 1, 0, 4, 3, 2, 4], targets: tokens(4 * EXAMPLES) },
    };
  },
  "means of positions with padding": () => ({
    input: [4, 3],
    layers: [masking(), dense(6), attention({ heads: 2 }), meanPositions(), dense(2)],
    loss: squaredError(),
    batch: {
      inputs: numbers(12 * EXAMPLES).map((x, i) => i % 12 > 6 && i < 24 ? 0 : x),
      targets: numbers(2 * EXAMPLES),
    },
  }),
  "last positions with padding": () => ({
    input: [4, 3],
    layers: [masking(), dense(6), attention({ heads: 2, causal: true }), lastPosition(), dense(2)],
    loss: squaredError(),
    batch: {
      inputs: numbers(12 * EXAMPLES).map((x, i) => i % 12 > 6 && i < 24 ? 0 : x),
      targets: numbers(2 * EXAMPLES),
    },
  }),
};

/** Losses, gradients of all parameters, and all that captures of sampled targets hold. */
async function numbersOf(backend: Backend, network: Network): Promise<Map<string, Float64Array>> {
  const { input, layers, loss, batch } = network;
  using model = sequential(backend, { input, layers, seed: 1 });
  const problem = objective(model, loss);
  const named = await backend.reading(() =>
    backend.scope(() => {
      const losses = problem.differentiate(batch, { decay: 0, scale: 1 / EXAMPLES });
      problem.differentiateSampled(new Random(3), { from: "signs", examples: EXAMPLES - 1 });
      const ofParameters = model.parameters.flatMap((parameter): [string, Matrix][] => [
        [`gradient of ${parameter.name}`, parameter.gradient],
        ...matricesOf(problem.capture(parameter)).map((matrix, i): [string, Matrix] => [
          `capture ${i} of ${parameter.name}`,
          matrix,
        ]),
      ]);
      const matrices: [string, Matrix][] = [["losses", losses], ...ofParameters];
      return Promise.all(
        matrices.map(async ([name, m]) =>
          [name, Float64Array.from(await backend.read(m))] as const
        ),
      );
    })
  );
  return new Map(named);
}

function matricesOf(capture: Capture | undefined): Matrix[] {
  return Object.values(capture ?? {}).filter((value): value is Matrix =>
    typeof value === "object" && "storage" in value
  );
}

async function compare(backend: Backend, network: Network): Promise<void> {
  using reference = await createBackend({ prefer: ["reference"] });
  const [actual, expected] = [
    await numbersOf(backend, network),
    await numbersOf(reference, network),
  ];
  for (const [label, numbers] of expected) {
    const largest = numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    // A dozen layers of sums of some dozen float32 numbers.
    allClose(actual.get(label)!, numbers, { absolute: 1e-4 * largest, label });
  }
}

for (const [name, network] of Object.entries(networks)) {
  for (const flavour of ["relaxed", "baseline", "threads"] as const) {
    Deno.test(`${name} has the numbers of float64 [wasm ${flavour}]`, async () => {
      using backend = wasmBackend(flavour);
      await compare(backend, network());
    });
  }
  gpuTest(`${name} has the numbers of float64`, (gpu) => compare(gpu, network()));
}
