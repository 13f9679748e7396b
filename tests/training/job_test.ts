import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { batches, createDataset, glyphs, type ImageDataset } from "@tekfac/tekfac/data";
import { createJob, modelNames, optimizerNames, recipes } from "@tekfac/tekfac/training";

const count = 20;

// Small images make small layers, and small layers quick decompositions.
function pattern(size: number): ImageDataset {
  return createDataset({
    images: Float32Array.from({ length: size * size * count }, (_, i) => (i * 37 % 101) / 100),
    labels: Uint8Array.from({ length: count }, (_, i) => i % 10),
    shape: [size, size, 1],
    classes: 10,
    source: "pattern",
  });
}
const dataset = pattern(8);

for (const model of modelNames) {
  Deno.test(`createJob() makes ${model} trainable by every optimizer, and leaves nothing behind`, async () => {
    using backend = await createBackend();
    const scale = recipes[model].width === undefined ? {} : { width: 2 };
    const images = model === "vgg16" ? pattern(32) : dataset;
    for (const optimizer of optimizerNames) {
      using job = createJob(backend, {
        ...{ model, optimizer, ...scale },
        ...{ dataset: images, steps: 20, seed: 1 },
      });
      assert.equal(job.optimizer.method, optimizer);
      const [batch] = batches(images, { size: count, targets: job.targets });
      const first = job.optimizer.stepSync(batch);
      for (let i = 2; i < 20; i++) job.optimizer.stepSync(batch);
      const last = job.optimizer.stepSync(batch);
      assert.ok(last.loss < first.loss, `${optimizer}: ${first.loss} to ${last.loss}`);
    }
    assert.equal(backend.memory().handles, 0);
  });
}

Deno.test("createJob() refuses a width of models that have none, and images too small for vgg16", async () => {
  using backend = await createBackend();
  const job = { optimizer: "sgd", dataset, steps: 1, seed: 0 } as const;
  assert.throws(() => createJob(backend, { ...job, model: "cnn", width: 4 }), {
    name: "OptionError",
    message: "Cannot train cnn: 'width' can only be set for resnet20 and vgg16: received 4",
  });
  assert.throws(() => createJob(backend, { ...job, model: "vgg16" }), {
    name: "ShapeError",
    message: "Cannot train vgg16: expected images of at least 32 x 32 pixels " +
      "(resnet20 takes any), received 8 x 8",
  });
  assert.equal(backend.memory().handles, 0);
});

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
