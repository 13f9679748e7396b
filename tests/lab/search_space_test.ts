import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { createDataset } from "@tekfac/tekfac/data";
import { createJob, optimizerNames, recipes } from "@tekfac/tekfac/training";
import {
  batchAt,
  describePoint,
  searchKeys,
  type SearchPoint,
  searchPoints,
  searchSpaces,
  settingsAt,
} from "../../lab/search_space.ts";

for (const optimizer of optimizerNames) {
  Deno.test(`searchPoints() of ${optimizer} begins with nothing set and stays in the declared space`, () => {
    const [recipe, ...others] = searchPoints(optimizer, { trials: 200, seed: 5 });
    assert.deepEqual(recipe, {});
    const space = searchSpaces[optimizer];
    for (const point of others) {
      assert.deepEqual(Object.keys(point).sort(), Object.keys(space).sort());
      for (const key of searchKeys) {
        const dimension = space[key];
        if (dimension?.kind === "choice") assert.ok(dimension.values.includes(point[key]!));
        else if (dimension !== undefined) {
          assert.ok(point[key]! >= dimension.from && point[key]! <= dimension.to);
        }
      }
    }
  });
}

Deno.test("searchPoints() draws logarithms evenly", () => {
  const points = searchPoints("adam", { trials: 2001, seed: 1 }).slice(1);
  const logs = points.map(({ learningRate }) => Math.log(learningRate! / 1e-4) / Math.log(300));
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  // Four standard errors of the mean of 2000 uniform numbers.
  assert.ok(Math.abs(mean - 0.5) < 4 / Math.sqrt(12 * 2000), `${mean}`);
});

Deno.test("searchPoints() repeats with its seed, and more trials begin with the same places", () => {
  const few = searchPoints("tekfac", { trials: 3, seed: 9 });
  assert.deepEqual(searchPoints("tekfac", { trials: 8, seed: 9 }).slice(0, 3), few);
  assert.notDeepEqual(searchPoints("tekfac", { trials: 3, seed: 10 }), few);
});

Deno.test("searchPoints() tries equal places with optimizers of equal spaces, and equal values of shared keys", () => {
  const options = { trials: 20, seed: 9 };
  const tekfac = searchPoints("tekfac", options);
  assert.deepEqual(searchPoints("ekfac", options), tekfac);
  searchPoints("soap", options).forEach(({ averages, momentum }, trial) => {
    assert.equal(averages, tekfac[trial].averages);
    assert.equal(momentum, tekfac[trial].momentum);
  });
  const alone = searchPoints("tekfac", { ...options, keys: ["kappa"] });
  alone.slice(1).forEach((point, i) => assert.deepEqual(point, { kappa: tekfac[i + 1].kappa }));
});

Deno.test("searchPoints() varies the named keys alone", () => {
  const points = searchPoints("tekfac", { trials: 4, seed: 2, keys: ["tau", "learningRate"] });
  assert.deepEqual(points.slice(1).map((point) => Object.keys(point)), [["tau"], ["tau"], ["tau"]]);
});

Deno.test("settingsAt() sets what the place names and leaves the rest as in the recipe", () => {
  const { settings } = recipes.mlp;
  const tekfac = settingsAt("tekfac", settings, { tau: 0.5, momentum: 0.8, weightDecay: 0 }).tekfac;
  assert.deepEqual(tekfac, {
    ...settings.tekfac,
    damping: { kind: "relative", tau: 0.5 },
    momentum: { on: "gradient", value: 0.8 },
    weightDecay: false,
  });
  assert.deepEqual(settingsAt("adam", settings, { momentum: 0.8, learningRate: 1e-3 }).adam, {
    learningRate: 1e-3,
    beta1: 0.8,
  });
  assert.deepEqual(settingsAt("sgd", settings, { momentum: 0.95 }).sgd, {
    ...settings.sgd,
    momentum: { on: "update", value: 0.95 },
  });
  assert.equal(settingsAt("tekfac", settings, {}).adam, settings.adam);
});

Deno.test("settingsAt() refuses a key that the optimizer does not have", () => {
  assert.throws(() => settingsAt("sgd", recipes.mlp.settings, { tau: 1 }), {
    name: "OptionError",
    message:
      /Cannot set sgd: 'tau' is not searched \(known: momentum, batch, weightDecay, learningRate\)/,
  });
});

Deno.test("every optimizer can be made at every corner of its space", async () => {
  using backend = await createBackend();
  const dataset = createDataset({
    images: new Float32Array(64 * 10),
    labels: Uint8Array.from({ length: 10 }, (_, i) => i),
    shape: [8, 8, 1],
    classes: 10,
    source: "blank",
  });
  for (const optimizer of optimizerNames) {
    const corners = [0, 1].map((end): SearchPoint =>
      Object.fromEntries(
        Object.entries(searchSpaces[optimizer]).map(([key, dimension]) => [
          key,
          dimension.kind === "choice"
            ? dimension.values.at(-end)!
            : end === 0
            ? dimension.from
            : dimension.to,
        ]),
      )
    );
    for (const point of corners) {
      const settings = settingsAt(optimizer, recipes.cnn.settings, point);
      using job = createJob(backend, {
        ...{ model: "cnn", optimizer, dataset, steps: 1, seed: 0, settings },
      });
      assert.equal(job.optimizer.method, optimizer);
    }
  }
});

Deno.test("batchAt() multiplies the batch, describePoint() says it in words", () => {
  assert.equal(batchAt(250, { batch: 1 / 8 }), 31);
  assert.equal(batchAt(3, { batch: 1 / 8 }), 1);
  assert.equal(batchAt(250, {}), 250);
  assert.equal(describePoint({}), "as in the recipe");
  assert.equal(describePoint({ tau: 0.3, kappa: 0.01 }), "tau 0.3, kappa 0.01");
});
