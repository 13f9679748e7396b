/**
 * An autoencoder learns drawn digits for six epochs: the whole library at work on a task where curvature
 * matters. What is asserted are regressions of the figures below, not a comparison of methods.
 *
 * Measured over seeds 0 to 7 (summed cross-entropy over the training set; about 547 at the start):
 *
 * | optimizer | lowest | mean  | highest |
 * | --------- | -----: | ----: | ------: |
 * | tekfac    | 168.0  | 180.1 | 189.0   |
 * | ekfac     | 161.4  | 169.6 | 199.8   |
 * | adam      | 231.69 | 236.0 |  239.49 |
 *
 * TEKFAC's losses have a standard deviation of 7.8, so 208 lies more than three of them above the mean. Its
 * loss over Adam's with the same seed is at most 0.82.
 */
import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { glyphs } from "@tekfac/tekfac/data";
import type { OptimizerName } from "@tekfac/tekfac/optim";
import { createJob, train } from "@tekfac/tekfac/training";

const data = glyphs({ train: 2000, test: 200, seed: 1 });
const [epochs, batchSize] = [6, 100];

/** The loss over the training set after six epochs. */
async function finalLoss(optimizer: OptimizerName, seed: number): Promise<number> {
  using backend = await createBackend();
  const steps = epochs * data.train.labels.length / batchSize;
  using job = createJob(backend, {
    ...{ model: "autoencoder", optimizer, dataset: data.train, steps, seed },
  });
  return (await train({ ...job, data, epochs, batchSize, seed })).trainLoss;
}

for (const seed of [0, 1]) {
  Deno.test(`tekfac trains the autoencoder below 208 in six epochs, far below adam, seed ${seed}`, async () => {
    const loss = await finalLoss("tekfac", seed);
    const adam = await finalLoss("adam", seed);
    assert.ok(loss < 208, `TEKFAC ended at ${loss}`);
    assert.ok(loss < 0.9 * adam, `TEKFAC ${loss}, Adam ${adam}`);
  });
}
