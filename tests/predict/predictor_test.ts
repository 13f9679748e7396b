/** Predictions without a backend are those with one. */
import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { DataError, Random, ShapeError } from "@tekfac/tekfac/core";
import { loadModel, type Prediction, saveModel } from "@tekfac/tekfac/model";
import {
  dense,
  flatten,
  objective,
  sequential,
  softmaxCrossEntropy,
  writeWeights,
} from "@tekfac/tekfac/nn";
import { decodeSafetensors, encodeSafetensors, saveState, sgd } from "@tekfac/tekfac/optim";
import { loadPredictor } from "@tekfac/tekfac/predict";
import { allClose } from "@tekfac/tekfac/testing";
import { inputsOf, kinds } from "../model/_kinds.ts";

/** Both compute in float64, with the same formulas and perhaps another order of additions. */
const ALLOWANCE = { absolute: 64 * Number.EPSILON, relative: 64 * Number.EPSILON };

const flat = (predictions: readonly Prediction[], key: "outputs" | "probabilities") =>
  predictions.flatMap((prediction) => [...prediction[key] ?? []]);

for (const [name, options] of Object.entries(kinds)) {
  Deno.test(`loadPredictor() predicts what loadModel() does: ${name}`, async () => {
    using backend = await createBackend({ prefer: ["reference"] });
    using model = sequential(backend, { ...options, seed: 3 });
    const random = new Random(5);
    for (const parameter of model.parameters) {
      const { rows, cols } = parameter.value;
      const numbers = Float64Array.from({ length: rows * cols }, () => random.normal() / 2);
      writeWeights(backend, parameter, numbers);
    }
    const goal = objective(model, softmaxCrossEntropy());
    const size = options.input.reduce<number>((product, n) => product * n, 1);
    const inputs = inputsOf(name, 6 * size);
    using optimizer = sgd(goal); // running moments move
    optimizer.stepSync({ inputs, targets: [0, 1, 2, 0, 1, 2] });
    const files = [
      await saveModel(goal, { labels: ["a", "b", "c"], extra: { note: "mine" } }),
      await saveState(optimizer),
    ];
    for (const file of files) {
      using kept = await loadModel(backend, file);
      const predictor = await loadPredictor(new Blob([file as BlobPart]));
      assert.deepEqual(
        [predictor.labels, predictor.input, predictor.extra],
        [kept.labels, options.input, kept.extra],
      );
      const [expected, actual] = [kept.predictSync(inputs), predictor.predict(inputs)];
      assert(new Set(flat(expected, "outputs")).size >= 6);
      allClose(flat(actual, "outputs"), flat(expected, "outputs"), ALLOWANCE);
      allClose(flat(actual, "probabilities"), flat(expected, "probabilities"), ALLOWANCE);
      assert.deepEqual(actual.map(({ label }) => label), expected.map(({ label }) => label));
      assert.deepEqual(predictor.predictOne(inputs.slice(0, size)), actual[0]);
    }
  });
}

Deno.test("loadPredictor() standardizes, takes bytes of images, and refuses inputs that are none", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
  const standardization = {
    inputs: { mean: [1, 10], deviation: [2, 5] },
    targets: { mean: [100], deviation: [10] },
  };
  const file = await saveModel(model, { standardization });
  using kept = await loadModel(backend, file);
  const predictor = await loadPredictor(file);
  assert.deepEqual(predictor.predict([3, 20, NaN, 0]), kept.predictSync([3, 20, NaN, 0]));
  assert.throws(() => predictor.predict([1]), ShapeError);
  assert.throws(() => predictor.predictOne([1, 2, 3, 4]), ShapeError);
  assert.throws(() => predictor.predict([1, 2, Infinity, 0]), DataError);
  assert.throws(() => predictor.predict([1, 2, Infinity, 0]), /Infinity at 0 of example 1/);

  using gray = sequential(backend, { input: [1, 2, 1], layers: [flatten(), dense(2)], seed: 1 });
  const seen = await loadPredictor(await saveModel(gray, { labels: ["a", "b"] }));
  assert.deepEqual(seen.predict(Uint8Array.of(0, 255)), seen.predict([0, 1]));
});

Deno.test("loadPredictor() refuses files whose layers and arrays do not fit each other", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  using model = sequential(backend, { input: [2], layers: [dense(2)], seed: 1 });
  const { arrays, metadata } = decodeSafetensors(await saveModel(model, { labels: ["a", "b"] }));
  const spoilt = (changes: Record<string, unknown>, description = "") => {
    const architecture = { ...JSON.parse(metadata["tekfac.architecture"]), ...changes };
    return encodeSafetensors({
      arrays,
      metadata: {
        ...metadata,
        "tekfac.architecture": JSON.stringify(architecture),
        ...description && { "tekfac.description": description },
      },
    });
  };
  const layer = { kind: "dense", options: { outFeatures: 2, bias: true } };
  const damaged: Record<string, Uint8Array> = {
    "no layers": spoilt({ layers: [] }),
    "unknown layer": spoilt({ layers: [{ kind: "toString", options: {} }] }),
    "other outputs": spoilt({ layers: [{ ...layer, options: { outFeatures: 3, bias: true } }] }),
    "missing arrays": spoilt({ layers: [layer, layer] }),
    "images before dense": spoilt({ input: [2, 2, 2] }),
    "no shape": spoilt({ input: [0] }),
    "too many labels": spoilt({}, '{"outputs":"softmax","labels":["a","b","c"]}'),
  };
  for (const [what, file] of Object.entries(damaged)) {
    await assert.rejects(loadPredictor(file), DataError, what);
  }
  await loadPredictor(spoilt({}));
});
