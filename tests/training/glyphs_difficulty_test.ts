import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { glyphs } from "@tekfac/tekfac/data";
import { dense, flatten, objective, sequential, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
import { cosine } from "@tekfac/tekfac/core";
import { adam } from "@tekfac/tekfac/optim";
import { createJob, train } from "@tekfac/tekfac/training";

const data = glyphs();

Deno.test("glyphs() keeps a linear classifier under 93 %, whatever the epoch", async () => {
  using backend = await createBackend();
  using model = sequential(backend, { input: [28, 28, 1], layers: [flatten(), dense(10)] });
  const goal = objective(model, softmaxCrossEntropy());
  // Converged: longer training raises only the accuracy on the training set.
  const annealing = cosine(20 * 100);
  using optimizer = adam(goal, { learningRate: 3e-3, annealing });
  const { epochs } = await train({
    objective: goal,
    optimizer,
    data,
    epochs: 20,
    batchSize: 100,
    seed: 0,
  });
  const best = Math.max(...epochs.map(({ testAccuracy }) => testAccuracy ?? 1));
  assert.ok(best > 0.8 && best < 0.93, `best accuracy ${best}`);
});

Deno.test("glyphs() lets a small convolutional network pass 98.5 %", async () => {
  using backend = await createBackend();
  const steps = 2 * Math.ceil(10_000 / 128);
  using job = createJob(backend, {
    model: "cnn",
    optimizer: "tekfac",
    dataset: data.train,
    steps,
    seed: 0,
  });
  const { testAccuracy } = await train({ ...job, data, epochs: 2, batchSize: 128, seed: 0 });
  assert.ok((testAccuracy ?? 0) > 0.985, `accuracy ${testAccuracy}`);
});
