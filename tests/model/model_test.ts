/** Models that are kept, and those that cannot be. */
import assert from "#assert";
import { Buffer } from "node:buffer";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { DataError, OptionError, Random, ShapeError, StateError } from "@tekfac/tekfac/core";
import { normalizeNumbers } from "@tekfac/tekfac/data";
import { loadModel, type ModelSource, saveModel } from "@tekfac/tekfac/model";
import {
  dense,
  flatten,
  type LayerSpec,
  objective,
  relu,
  residual,
  sequential,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import { decodeSafetensors, encodeSafetensors, saveState, sgd } from "@tekfac/tekfac/optim";
import { inputsOf, kinds } from "./_kinds.ts";

for (const prefer of ["reference", "wasm"] as const) {
  for (const [name, options] of Object.entries(kinds)) {
    Deno.test(`loadModel() predicts what the saved model of ${name} did (${prefer})`, async () => {
      using backend = await createBackend({ prefer: [prefer] });
      {
        using model = sequential(backend, { ...options, seed: 3 });
        const goal = objective(model, softmaxCrossEntropy());
        const size = options.input.reduce<number>((product, n) => product * n, 1);
        const inputs = inputsOf(name, 6 * size);
        // Running moments move, too.
        using optimizer = sgd(goal);
        optimizer.stepSync({ inputs, targets: [0, 1, 2, 0, 1, 2] });
        const expected = await goal.predict(inputs);
        const bytes = await saveModel(goal, { labels: ["a", "b", "c"] });
        for (const file of [bytes, await saveState(optimizer)]) {
          using kept = await loadModel(backend, file);
          const predictions = await kept.predict(inputs);
          assert.deepEqual(predictions.flatMap(({ outputs }) => [...outputs]), [...expected]);
          assert.deepEqual(kept.predictSync(inputs), predictions);
          for (const { probabilities, index } of predictions) {
            assert(Math.abs(probabilities!.reduce((sum, p) => sum + p) - 1) < 1e-12);
            assert.equal(probabilities![index!], Math.max(...probabilities!));
          }
          assert.deepEqual(await saveModel(kept.model, { labels: ["a", "b", "c"] }), bytes);
        }
      }
      assert.equal(backend.memory().handles, 0);
    });
  }
}

/** A small classifier's file. */
async function small(backend: Backend): Promise<Uint8Array> {
  using model = sequential(backend, { input: [2], layers: [dense(2)], seed: 1 });
  return await saveModel(model, { labels: ["no", "yes"], extra: { trained: "today" } });
}

Deno.test("loadModel() takes bytes from wherever they come", async () => {
  using backend = await createBackend();
  const bytes = await small(backend);
  const path = await Deno.makeTempFile();
  const server = Deno.serve(
    { port: 0, onListen: () => {} },
    (request) =>
      new URL(request.url).pathname === "/model"
        ? new Response(bytes as BodyInit)
        : new Response("", { status: 404 }),
  );
  const url = `http://localhost:${server.addr.port}`;
  try {
    await Deno.writeFile(path, bytes);
    const whole = new Uint8Array(bytes.length + 13);
    whole.set(bytes, 5);
    using file = await Deno.open(path);
    const sources: Record<string, ModelSource> = {
      bytes,
      "a Buffer in a larger one": Buffer.from(whole.buffer, 5, bytes.length),
      "a DataView": new DataView(whole.buffer, 5, bytes.length),
      "an ArrayBuffer": bytes.slice().buffer,
      "a Blob": new Blob([bytes as BlobPart]),
      "a Response": new Response(bytes as BodyInit),
      "a stream": new Blob([bytes as BlobPart]).stream(),
      "an open file": file,
      "a file's URL": new URL(`file://${path}`),
      "a server's URL": `${url}/model`,
    };
    for (const [name, source] of Object.entries(sources)) {
      using kept = await loadModel(backend, source);
      assert.deepEqual(kept.labels, ["no", "yes"], name);
      assert.deepEqual(kept.extra, { trained: "today" });
    }
    await assert.rejects(loadModel(backend, `${url}/other`), /status 404/);
    await assert.rejects(loadModel(backend, new URL("file:///nowhere/at/all")), DataError);
    await assert.rejects(loadModel(backend, null as unknown as Blob), DataError);
  } finally {
    await server.shutdown();
    await Deno.remove(path);
  }
});

Deno.test("a kept model standardizes inputs, and gives targets and classes in their own terms", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  const standardization = {
    inputs: { mean: [1, 10], deviation: [2, 5] },
    targets: { mean: [100], deviation: [10] },
  };
  using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
  const goal = objective(model, squaredError());
  using kept = await loadModel(backend, await saveModel(goal, { standardization }));
  const raw = [3, 20, NaN, 0];
  const [first, second] = await goal.predict(normalizeNumbers(raw, standardization.inputs));
  const predictions = await kept.predict(raw);
  assert.deepEqual(predictions.map(({ outputs }) => outputs[0]), [
    100 + 10 * first,
    100 + 10 * second,
  ]);
  assert.equal(predictions[0].probabilities, undefined);

  const binary = objective(model, sigmoidCrossEntropy());
  using asked = await loadModel(backend, await saveModel(binary, { labels: ["no", "yes"] }));
  const { outputs, probabilities, label } = await asked.predictOne([3, 1]);
  assert.deepEqual([...probabilities!], [1 / (1 + Math.exp(-outputs[0]))]);
  assert.equal(label, outputs[0] > 0 ? "yes" : "no");
  await assert.rejects(asked.predictOne([1, 2, 3, 4]), ShapeError);

  // Bytes of images are brightness times 255.
  using gray = sequential(backend, { input: [1, 2, 1], layers: [flatten(), dense(2)], seed: 1 });
  using seen = await loadModel(backend, await saveModel(gray, { labels: ["a", "b"] }));
  const bytes = seen.predictSync(Uint8Array.of(0, 255)), numbers = seen.predictSync([0, 1]);
  assert.deepEqual(bytes, numbers);
});

Deno.test("saveModel() refuses what it cannot keep", async () => {
  using backend = await createBackend();
  const own: LayerSpec = { ...relu(), kind: "own" };
  const { options: _, ...mute } = tanh();
  for (const layer of [own, mute, residual([own])]) {
    using model = sequential(backend, { input: [2], layers: [dense(2), layer], seed: 1 });
    await assert.rejects(saveModel(model), StateError);
  }
  using model = sequential(backend, { input: [2], layers: [dense(2)], seed: 1 });
  const wrong = [
    { labels: ["one"] },
    { labels: ["a", "b"], outputs: "numbers" },
    { standardization: { inputs: { mean: [0], deviation: [1] } } },
    { standardization: { inputs: { mean: [0, 0], deviation: [1, 0] } } },
    { extra: { "tekfac.format": "x" } },
    { label: ["a", "b"] },
  ];
  // deno-lint-ignore no-explicit-any
  for (const options of wrong) await assert.rejects(saveModel(model, options as any), OptionError);
  backend.write(model.parameters[0].value, new Float32Array(6).fill(NaN));
  await assert.rejects(saveModel(model), /expected finite numbers/);
});

Deno.test("loadModel() refuses files that are damaged or something else, and leaves nothing allocated", async () => {
  using backend = await createBackend();
  const bytes = await small(backend);
  const { arrays, metadata } = decodeSafetensors(bytes);
  const edited = (change: Record<string, string>, others = {}) =>
    encodeSafetensors({ arrays: { ...arrays, ...others }, metadata: { ...metadata, ...change } });
  const architecture = (layers: unknown, input: unknown = [2]) =>
    edited({ "tekfac.architecture": JSON.stringify({ input, layers }) });
  const layer = (options: unknown) => architecture([{ kind: "dense", options }]);
  const files: Record<string, Uint8Array> = {
    "another version": edited({ "tekfac.format": "tekfac model v9" }),
    "no model": edited({ "tekfac.format": "other" }),
    "no architecture": edited({ "tekfac.architecture": "null" }),
    "no layers": architecture(null),
    "no input": architecture([{ kind: "dense", options: { outFeatures: 2, bias: true } }], null),
    "a layer that is not known": architecture([{ kind: "odd", options: {} }]),
    "a layer without options": architecture([{ kind: "dense" }]),
    "a layer that is null": architecture([null]),
    "options out of range": layer({ outFeatures: -1, bias: true }),
    "options that are not known": layer({ outFeatures: 2, bias: true, size: 3 }),
    "another size": layer({ outFeatures: 3, bias: true }),
    "an enormous size": layer({ outFeatures: 1e9, bias: true }),
    "no description": edited({ "tekfac.description": "" }),
    "too few labels": edited({ "tekfac.description": '{"outputs":"softmax","labels":["a"]}' }),
    "odd outputs": edited({ "tekfac.description": '{"outputs":"odd"}' }),
    "an array too many": edited({}, { more: { shape: [1], data: Float32Array.of(1) } }),
    "a weight that is not finite": edited({}, {
      "dense1.weights": { shape: [2, 3], data: new Float32Array(6).fill(NaN) },
    }),
    truncated: bytes.subarray(0, bytes.length - 4),
    empty: new Uint8Array(),
  };
  for (const [name, file] of Object.entries(files)) {
    await assert.rejects(
      loadModel(backend, file),
      (e: unknown) => e instanceof DataError || e instanceof StateError,
      name,
    );
  }
  const random = new Random(1);
  for (let i = 0; i < 1000; i++) {
    const file = bytes.slice();
    file[random.integer(file.length)] ^= 1 << random.integer(8);
    await assert.rejects(loadModel(backend, file), DataError);
  }
  assert.equal(backend.memory().handles, 0);
});
