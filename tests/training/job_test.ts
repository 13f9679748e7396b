import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { batches, createDataset, glyphs } from "@tekfac/tekfac/data";
import { createJob, modelNames, optimizerNames, recipes } from "@tekfac/tekfac/training";

// Small images make small layers, and small layers quick decompositions.
const count = 20;
const dataset = createDataset({
  images: Float32Array.from({ length: 64 * count }, (_, i) => (i * 37 % 101) / 100),
  labels: Uint8Array.from({ length: count }, (_, i) => i % 10),
  shape: [8, 8, 1],
  classes: 10,
  source: "pattern",
});

for (const model of modelNames) {
  Deno.test(`createJob() makes ${model} trainable by every optimizer, and leaves nothing behind`, async () => {
    using backend = await createBackend();
    for (const optimizer of optimizerNames) {
      using job = createJob(backend, { model, optimizer, dataset, steps: 20, seed: 1 });
      assert.equal(job.optimizer.method, optimizer);
      const [batch] = batches(dataset, { size: count, targets: job.targets });
      const first = job.optimizer.stepSync(batch);
      for (let i = 2; i < 20; i++) job.optimizer.stepSync(batch);
      const last = job.optimizer.stepSync(batch);
      assert.ok(last.loss < first.loss, `${optimizer}: ${first.loss} to ${last.loss}`);
    }
    assert.equal(backend.memory().handles, 0);
  });
}

Deno.test("createJob() starts all optimizers from the same weights for an equal seed", async () => {
  using backend = await createBackend();
  const weights = async (optimizer: "tekfac" | "sgd", seed: number) => {
    using job = createJob(backend, { model: "cnn", optimizer, dataset, steps: 1, seed });
    return await Promise.all(job.objective.parameters.map(({ value }) => backend.read(value)));
  };
  assert.deepEqual(await weights("tekfac", 4), await weights("sgd", 4));
  assert.notDeepEqual(await weights("tekfac", 4), await weights("tekfac", 5));
});

Deno.test("createJob() anneals every optimizer with half a cosine over the steps", async () => {
  using backend = await createBackend();
  for (const optimizer of optimizerNames) {
    using job = createJob(backend, { model: "cnn", optimizer, dataset, steps: 2, seed: 0 });
    const [batch] = batches(dataset, { size: count });
    const annealing = [0, 1].map(() => job.optimizer.stepSync(batch).annealing);
    assert.ok(Math.abs(annealing[0] - 1) < 1e-12 && Math.abs(annealing[1] - 0.5) < 1e-12);
  }
});

Deno.test("createJob() keeps nothing when the images do not fit the model", async () => {
  using backend = await createBackend();
  const tiny = createDataset({ ...dataset, images: new Float32Array(2 * count), shape: [1, 2, 1] });
  assert.throws(
    () =>
      createJob(backend, { model: "cnn", optimizer: "tekfac", dataset: tiny, steps: 1, seed: 0 }),
    { name: "ShapeError" },
  );
  assert.equal(backend.memory().handles, 0);
});

Deno.test("recipes name whole epochs and batches that the drawn digits can fill", () => {
  const { train } = glyphs({ train: 1000, test: 1 });
  for (const { epochs, batchSize } of Object.values(recipes)) {
    assert.ok(Number.isInteger(epochs) && epochs >= 1);
    assert.ok(Number.isInteger(batchSize) && batchSize <= train.labels.length);
  }
});
