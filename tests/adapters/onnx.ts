/** Exported models predict in onnxruntime, native and in WebAssembly, what they predict here. */
import native from "npm:onnxruntime-node@1.30.0";
import * as web from "npm:onnxruntime-web@1.30.0";
import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { Random, StateError } from "@tekfac/tekfac/core";
import { loadModel, saveModel, type SaveModelOptions } from "@tekfac/tekfac/model";
import {
  attention,
  averagePool2d,
  batchNorm2d,
  concatenate,
  conv1d,
  conv2d,
  conv2dTranspose,
  dense,
  dropout,
  embedding,
  flatten,
  gelu,
  globalAveragePool2d,
  groupNorm,
  lastPosition,
  layerNorm,
  type LayerSpec,
  lora,
  maxPool2d,
  meanPositions,
  relu,
  residual,
  rmsNorm,
  type Sequential,
  sequential,
  type SequentialOptions,
  sigmoid,
  silu,
  softmax,
  softplus,
  tanh,
  tiedHead,
  writeWeights,
} from "@tekfac/tekfac/nn";
import { toOnnx } from "@tekfac/tekfac/onnx";
import { allClose } from "@tekfac/tekfac/testing";

const EXAMPLES = 3;

/** Both add in their own order: a few roundings for each of at most this many layers of numbers about 1. */
const ALLOWANCE = { absolute: 64 * 2 ** -24, relative: 64 * 2 ** -24 };

const images: LayerSpec[] = [
  conv2d(3, { kernel: [3, 2], padding: 1, stride: [2, 1], dilation: [1, 2], bias: false }),
  conv2d(3, { kernel: 3, padding: 1, groups: 3 }),
  batchNorm2d({ epsilon: 1e-3 }),
  relu(),
  residual([conv2d(4, { kernel: 3, padding: 1, stride: 2 }), batchNorm2d()]),
  layerNorm(),
  groupNorm({ groups: 2 }),
  maxPool2d({ kernel: 2, stride: 1, padding: 1 }),
  residual([conv2d(4, { kernel: 1 }), rmsNorm()]),
  averagePool2d({ kernel: [2, 3], stride: 1, padding: 1 }),
  dropout(0.3),
];

const twice = dense(4);
const tokens = embedding({ vocabulary: 7, width: 4 });

const CASES: Readonly<
  Record<string, Pick<SequentialOptions, "input" | "layers"> & { save?: SaveModelOptions }>
> = {
  "features by class": {
    input: [5],
    layers: [
      ...[
        dense(6),
        tanh(),
        dense(6),
        gelu(),
        dense(6),
        gelu({ form: "tanh" }),
        rmsNorm({ shift: false }),
      ],
      ...[dense(6), silu(), softplus(), layerNorm({ shift: false }), dense(3, { bias: false })],
    ],
    save: {
      labels: ["a", "b", "c"],
      standardization: {
        inputs: { mean: [1, 2, 3, -4, 5], deviation: [1, 2, 3, 4, 5] },
      },
    },
  },
  "numbers in their own units": {
    input: [2],
    layers: [dense(4), sigmoid(), dense(2)],
    save: {
      standardization: {
        inputs: { mean: [1, 2], deviation: [1, 2] },
        targets: { mean: [3, -2], deviation: [0.5, 7] },
      },
    },
  },
  "adapters, merged": { input: [5], layers: [lora(4, { rank: 2, alpha: 3 }), tanh(), dense(2)] },
  "yes or no": { input: [2], layers: [dense(1)], save: { outputs: "sigmoid" } },
  "images to classes": {
    input: [9, 8, 2],
    layers: [...images, globalAveragePool2d(), dense(3)],
    save: { labels: ["a", "b", "c"] },
  },
  "flattened images": { input: [9, 8, 2], layers: [...images, flatten(), dense(3)] },
  "images to images": { input: [9, 8, 2], layers: [...images, conv2d(2, { kernel: 1 })] },
  "grouped convolutions side by side": {
    input: [5, 6, 4],
    layers: [
      concatenate([[conv2d(6, { kernel: 3, padding: 1, groups: 2 }), relu()], [], [
        residual([tanh()]),
      ]]),
      concatenate([[], [conv2d(14, { kernel: 1, groups: 14 })]]),
      globalAveragePool2d(),
      concatenate([[dense(2), tanh()], []]),
    ],
  },
  "larger images": {
    input: [3, 4, 4],
    layers: [
      conv2dTranspose(6, { kernel: [3, 2], stride: [2, 3], padding: [1, 0], groups: 2 }),
      conv2dTranspose(2, { kernel: 2, bias: false }),
    ],
  },
  "convolved sequences": {
    input: [9, 4],
    layers: [
      conv1d(6, { kernel: 3, padding: "causal", dilation: 2, groups: 2 }),
      concatenate([[conv1d(6, { kernel: 2, padding: "same", bias: false })], [tanh()]]),
      conv1d(3, { kernel: 2, padding: 1, stride: 3 }),
      flatten(),
    ],
  },
  "tokens, causally": {
    input: [5],
    layers: [
      embedding({ vocabulary: 7, width: 4, positions: 6 }),
      residual([layerNorm(), attention({ heads: 2, causal: true })]),
      rmsNorm(),
      lastPosition(),
      dense(3),
    ],
  },
  "a class for each token": {
    input: [5],
    layers: [
      embedding({ vocabulary: 7, width: 4 }),
      attention({ heads: 1, bias: false }),
      dense(7),
    ],
    save: { outputs: "softmax" },
  },
  "layers that come again, a tied head": {
    input: [5],
    layers: [tokens, twice, tanh(), residual([twice]), groupNorm({ groups: 2 }), tiedHead(tokens)],
  },
  "groups of features": { input: [6], layers: [groupNorm({ groups: 3, shift: false }), dense(2)] },
  "means of positions": {
    input: [5, 6],
    layers: [attention({ heads: 3 }), softmax(), meanPositions(), dense(3)],
  },
};

/** Weights that are no rows of ones and zeros, and running moments of some training. */
function spoil({ backend, parameters, state }: Sequential): void {
  const random = new Random(9);
  const numbers = ({ rows, cols }: { rows: number; cols: number }, draw: () => number) =>
    Float64Array.from({ length: rows * cols }, draw);
  for (const parameter of parameters) {
    writeWeights(backend, parameter, numbers(parameter.value, () => random.normal() / 2));
  }
  for (const matrix of Object.values(state)) {
    backend.write(matrix, numbers(matrix, () => 0.5 + random.uniform()));
  }
}

function inputsOf({ input, layers }: Pick<SequentialOptions, "input" | "layers">): Float32Array {
  const random = new Random(4);
  const size = input.reduce<number>((product, n) => product * n, EXAMPLES);
  const tokens = layers[0].kind === "embedding";
  return Float32Array.from({ length: size }, () => tokens ? random.integer(7) : random.normal());
}

/** What is used of a runtime: both speak the same interface. */
type Runtime = Pick<typeof web, "InferenceSession" | "Tensor">;

/** Everything that a runtime makes of a file. */
async function outputsOf(
  { InferenceSession, Tensor }: Runtime,
  file: Uint8Array,
  inputs: Float32Array,
  { input, layers }: Pick<SequentialOptions, "input" | "layers">,
): Promise<Record<string, Float32Array>> {
  const session = await InferenceSession.create(file);
  try {
    const shape = [EXAMPLES, ...input];
    const tensor = layers[0].kind === "embedding"
      ? new Tensor("int32", Int32Array.from(inputs), shape)
      : new Tensor("float32", inputs, shape);
    const results = await session.run({ inputs: tensor });
    return Object.fromEntries(
      session.outputNames.map((name) => [name, results[name].data as Float32Array]),
    );
  } finally {
    await session.release();
  }
}

const RUNTIMES: Readonly<Record<string, Runtime>> = {
  "onnxruntime-node": native as unknown as Runtime,
  "onnxruntime-web": web,
};

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  for (const [what, { save = {}, ...options }] of Object.entries(CASES)) {
    Deno.test(`toOnnx(): ${what}, in ${name}`, async () => {
      using backend: Backend = await createBackend({ prefer: ["wasm"] });
      using model = sequential(backend, { ...options, seed: 3 });
      spoil(model);
      using kept = await loadModel(backend, await saveModel(model, save));
      const file = await toOnnx(kept);
      assert.deepEqual(file, await toOnnx(model, save));
      const inputs = inputsOf(options);
      // A missing number is the mean.
      if (save.standardization !== undefined) inputs[1] = NaN;
      const expected = await kept.predict(inputs);
      const actual = await outputsOf(runtime, file, inputs, options);
      const flat = (key: "outputs" | "probabilities") =>
        expected.flatMap((one) => [...one[key] ?? []]);
      assert(flat("outputs").some((x) => Math.abs(x) > 0.1));
      allClose(actual.outputs, flat("outputs"), ALLOWANCE);
      allClose(actual.probabilities ?? [], flat("probabilities"), ALLOWANCE);
    });
  }
}

Deno.test("toOnnx() names a layer that has no operations", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  const { options: _, ...mystery } = { ...relu(), kind: "mystery" };
  using model = sequential(backend, { input: [2], layers: [dense(2), residual([mystery])] });
  await assert.rejects(toOnnx(model), StateError);
  await assert.rejects(toOnnx(model), /'mystery1': layers of kind 'mystery'/);
  using turned = sequential(backend, {
    input: [3, 4],
    layers: [attention({ heads: 2, rotary: true })],
  });
  await assert.rejects(toOnnx(turned), /Cannot export 'attention1' with rotary positions/);
  using padded = sequential(backend, {
    input: [3],
    layers: [embedding({ vocabulary: 2, width: 2, padding: 2 })],
  });
  await assert.rejects(toOnnx(padded), /Cannot export 'embedding1' with padding/);
});
