import assert from "#assert";
import {
  adam,
  createBackendSync,
  dense,
  externalModel,
  objective,
  sequential,
  softmaxCrossEntropy,
  tanh,
  tekfac,
} from "@tekfac/tekfac";
import { Random } from "@tekfac/tekfac/core";
import { readWeightsSync } from "@tekfac/tekfac/nn";
import { LoopNetwork } from "../../examples/custom_model.ts";

const optimizers = {
  tekfac: <B>(problem: Parameters<typeof tekfac<B>>[0]) =>
    tekfac(problem, { fisher: { kind: "perLoss" }, takeBack: false }),
  adam: <B>(problem: Parameters<typeof adam<B>>[0]) => adam(problem, { learningRate: 0.01 }),
};

for (const [name, create] of Object.entries(optimizers)) {
  Deno.test(`LoopNetwork trained by ${name} has the losses of our own layers for 20 steps`, () => {
    using backend = createBackendSync({ prefer: ["reference"] });
    using own = sequential(backend, { input: [2], layers: [dense(6), tanh(), dense(3)], seed: 3 });
    const network = new LoopNetwork(2, 6, 3);
    using external = externalModel(
      backend,
      network.layers.map(([name, ...shape]) => ({
        name,
        layer: { kind: "dense", bias: true },
        shape,
      })),
    );
    external.writeWeights(Object.fromEntries(
      network.layers.map(([name], l) => [name, readWeightsSync(backend, own.parameters[l])]),
    ));
    using ours = create(objective(own, softmaxCrossEntropy()));
    using theirs = create(external);

    const random = new Random(4), examples = 30;
    let first = 0, last = 0;
    for (let step = 0; step < 20; step++) {
      const inputs = Float64Array.from({ length: 2 * examples }, () => random.normal());
      const targets = Array.from({ length: examples }, (_, n) => inputs[2 * n] > 0 ? 2 : n % 2);
      network.weights = external.readWeightsSync();
      const { loss } = theirs.stepSync(network.differentiate(inputs, targets));
      const { loss: expected } = ours.stepSync({ inputs, targets });
      // The same float64 operations in another order: rounding grows with the steps, never much.
      assert.ok(
        Math.abs(loss - expected) <= 1e-10 * expected,
        `step ${step}: ${loss}, ${expected}`,
      );
      [first, last] = [first || loss, loss];
    }
    assert.ok(last < first, `no training: ${first} to ${last}`);
  });
}
