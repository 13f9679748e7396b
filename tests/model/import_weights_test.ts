/** Weights of PyTorch, whose own predictions are in the fixtures (`tests/fixtures/pytorch/make.py`). */
import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { DataError, OptionError } from "@tekfac/tekfac/core";
import { importWeights, type NamedArrays } from "@tekfac/tekfac/model";
import {
  attention,
  batchNorm2d,
  conv1d,
  conv2d,
  conv2dTranspose,
  dense,
  embedding,
  flatten,
  globalAveragePool2d,
  layerNorm,
  objective,
  relu,
  residual,
  sequential,
  type SequentialOptions,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import { decodeSafetensors } from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";

/** Two frameworks add a few dozen numbers about 1 in different orders. */
const ALLOWANCE = { absolute: 64 * 2 ** -24, relative: 64 * 2 ** -24 };

const CASES: Readonly<
  Record<string, Pick<SequentialOptions, "input" | "layers"> & { names: Record<string, string> }>
> = {
  convolutions: {
    input: [7, 4, 2],
    layers: [
      ...[conv2d(3, { kernel: [3, 2], padding: 1 }), batchNorm2d(), relu()],
      ...[conv2d(4, { kernel: 3, stride: 2, bias: false }), flatten(), layerNorm()],
      ...[dense(5), tanh(), dense(3)],
    ],
    names: {
      ...{ conv1: "0", batchNorm1: "1", conv2: "3" },
      ...{ layerNorm1: "5", dense1: "6", dense2: "8" },
    },
  },
  larger: {
    input: [2, 3, 4],
    layers: [
      conv2dTranspose(4, { kernel: [3, 2], stride: [2, 3], padding: [1, 0], groups: 2 }),
      ...[conv2dTranspose(3, { kernel: 2, bias: false }), globalAveragePool2d()],
    ],
    names: { convTranspose1: "0", convTranspose2: "1" },
  },
  sequences: {
    input: [9, 4],
    layers: [
      ...[conv1d(6, { kernel: 3, groups: 2 }), relu()],
      ...[conv1d(4, { kernel: 2, stride: 2 }), flatten(), dense(3)],
    ],
    names: { conv1d1: "0", conv1d2: "2", dense1: "4" },
  },
  transformer: {
    input: [5],
    layers: [
      embedding({ vocabulary: 7, width: 4, positions: 5 }),
      residual([layerNorm(), attention({ heads: 2, causal: true })]),
      ...[layerNorm(), dense(3)],
    ],
    names: {
      ...{ embedding1: "tokens", position1: "places", attention1: "attend" },
      ...{ layerNorm1: "first", layerNorm2: "last", dense1: "head" },
    },
  },
};

const fileOf = (name: string) =>
  Deno.readFile(new URL(`../fixtures/pytorch/${name}.safetensors`, import.meta.url));

for (const prefer of ["reference", "wasm"] as const) {
  for (const [name, { names, ...options }] of Object.entries(CASES)) {
    Deno.test(`importWeights() makes a model predict what PyTorch's ${name} do (${prefer})`, async () => {
      using backend = await createBackend({ prefer: [prefer] });
      using model = sequential(backend, { ...options, seed: 1 });
      const file = await fileOf(name);
      const { "test.inputs": inputs, "test.outputs": outputs, ...arrays } =
        decodeSafetensors(file).arrays;
      const report = await importWeights(model, arrays, { layout: "pytorch", names });
      assert.deepEqual([report.missing, report.misfits, report.unused], [[], [], []]);
      const predicted = () => objective(model, squaredError()).predict(inputs.data);
      allClose(await predicted(), outputs.data, ALLOWANCE);

      using other = sequential(backend, { ...options, seed: 2 });
      const loose = { layout: "pytorch", names, strict: false } as const;
      const again = await importWeights(other, file, loose);
      assert.deepEqual(again.loaded, report.loaded);
      assert.deepEqual(again.unused, ["test.inputs", "test.outputs"]);
      assert.deepEqual(
        await objective(other, squaredError()).predict(inputs.data),
        await predicted(),
      );
    });
  }
}

const weights = (shape: number[], data: number[]) => ({ shape, data: Float64Array.from(data) });

Deno.test("importWeights() lists all that does not fit, and changes nothing then", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  using model = sequential(backend, { input: [2], layers: [dense(1), dense(2)], seed: 1 });
  const goal = objective(model, squaredError());
  const before = await goal.predict([1, 2]);
  const arrays: NamedArrays = {
    "dense1.weight": weights([1, 2], [1, 2]),
    "dense2.weight": weights([1, 2], [1, 2]),
    "dense2.bias": weights([2], [1, NaN]),
    "other.weight": weights([1], [1]),
  };
  const refused = importWeights(model, arrays, { layout: "pytorch" });
  await assert.rejects(refused, DataError);
  for (
    const message of [
      /dense2\.weight for 'dense2': expected \[2, 1\], received \[1, 2\]/,
      /dense2\.bias .* finite/,
      /missing: dense1\.bias/,
      /left over: other\.weight/,
    ]
  ) await assert.rejects(refused, message);
  assert.deepEqual(await goal.predict([1, 2]), before);

  const { loaded } = await importWeights(model, arrays, { layout: "pytorch", strict: false });
  assert.deepEqual(loaded, { dense1: ["dense1.weight"] });
  const change = (await goal.predict([1, 2])).map((y, i) => y - before[i]);
  assert(change.some((y) => y !== 0));

  const names = { dense3: "other" };
  await assert.rejects(importWeights(model, arrays, { layout: "pytorch", names }), OptionError);
});
