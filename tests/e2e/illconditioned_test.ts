/**
 * A small classification problem on which curvature decides: inputs whose directions differ in scale by
 * orders of magnitude. The protocol and the figures of an independent implementation are in
 * `tests/fixtures/demo/demo_illconditioned.json`.
 */
import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import {
  type BatchLike,
  dense,
  objective,
  sequential,
  softmaxCrossEntropy,
  tanh,
  writeWeights,
} from "@tekfac/tekfac/nn";
import { kfac, type KroneckerOptions, tekfac } from "@tekfac/tekfac/optim";

interface Demo {
  readonly x: { readonly shape: readonly [number, number]; readonly data: readonly number[] };
  readonly labels: readonly number[];
  readonly W0PerSeed: readonly (readonly { readonly data: readonly number[] }[])[];
}

const demo: Demo = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/demo/demo_illconditioned.json", import.meta.url)),
);

/** Examples `from` to `to` (excluded), in the stored order. */
function rows(from: number, to: number): BatchLike {
  const features = demo.x.shape[1];
  return {
    inputs: demo.x.data.slice(from * features, to * features),
    targets: demo.labels.slice(from, to),
  };
}

/** The fixture's protocol: relative damping 0.01, KL clip 1e-3, bases every fifth step. */
const options: KroneckerOptions = {
  preset: "paper",
  learningRate: 0.1,
  momentum: { on: "update", value: 0.9 },
  klClip: { kind: "fixed", kl: 1e-3 },
  damping: { kind: "relative", tau: 0.01 },
  factorDecay: 0.95,
  eigenvalueDecay: 0.95,
  intervals: { statistics: 1, basis: 5, eigenvalues: 1 },
  denseStart: false,
};

/** The training loss after ten epochs of ten batches. */
function finalLoss(backend: Backend, create: typeof tekfac | typeof kfac, seed: number): number {
  using model = sequential(backend, { input: [24], layers: [dense(16), tanh(), dense(4)] });
  model.parameters.forEach((parameter, l) =>
    writeWeights(backend, parameter, demo.W0PerSeed[seed][l].data)
  );
  const goal = objective(model, softmaxCrossEntropy());
  using optimizer = create(goal, options);
  for (let step = 0; step < 100; step++) {
    const from = (step % 10) * 100;
    optimizer.stepSync(rows(from, from + 100));
  }
  return goal.evaluateSync(rows(0, 1000)).loss;
}

for (const seed of demo.W0PerSeed.keys()) {
  Deno.test(`tekfac() ends below 0.20 and far below kfac() on the ill-conditioned problem, seed ${seed}`, async () => {
    using backend = await createBackend();
    const [corrected, factored] = [tekfac, kfac].map((create) => finalLoss(backend, create, seed));
    assert.equal(backend.memory().handles, 0, "matrices were not disposed");
    assert.ok(corrected < 0.2, `TEKFAC ended at ${corrected}`);
    assert.ok(corrected < 0.6 * factored, `TEKFAC ${corrected}, KFAC ${factored}`);
  });
}
