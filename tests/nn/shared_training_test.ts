/** Weights in several places: every optimizer trains them, files keep them, and what is refused. */
import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { loadModel, saveModel } from "@tekfac/tekfac/model";
import {
  attention,
  type BatchLike,
  dense,
  embedding,
  layerNorm,
  type LayerSpec,
  type ModelObjective,
  objective,
  residual,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
  tanh,
  tiedHead,
} from "@tekfac/tekfac/nn";
import {
  adam,
  ekfac,
  kfac,
  loadState,
  muon,
  type Optimizer,
  saveState,
  sgd,
  soap,
  tekfac,
  tkfac,
} from "@tekfac/tekfac/optim";
import { onReference } from "./_harness.ts";

const optimizers: Record<string, (problem: ModelObjective) => Optimizer<BatchLike>> = {
  adam: (problem) => adam(problem, { learningRate: 1e-2 }),
  ekfac: (problem) => ekfac(problem),
  "ekfac at full rank": (problem) => ekfac(problem, { rank: "full" }),
  kfac: (problem) => kfac(problem),
  muon: (problem) => muon(problem),
  sgd: (problem) => sgd(problem, { learningRate: 0.05 }),
  soap: (problem) => soap(problem, { learningRate: 1e-2 }),
  tekfac: (problem) => tekfac(problem),
  tkfac: (problem) => tkfac(problem),
};

/** A transformer whose block stands in two places and whose head is tied to its table. */
function recurrent(): LayerSpec[] {
  const tokens = embedding({ vocabulary: 5, width: 36, positions: 4 });
  const block = residual([layerNorm(), attention({ heads: 2, causal: true }), dense(36)]);
  return [tokens, block, block, layerNorm(), tiedHead(tokens)];
}

for (const [name, create] of Object.entries(optimizers)) {
  Deno.test(`${name} learns a sentence with a block in two places and a tied head`, async () => {
    using backend = await createBackend({ prefer: ["wasm"] });
    using model = sequential(backend, { input: [4], layers: recurrent(), seed: 1 });
    using optimizer = create(objective(model, softmaxCrossEntropy()));
    const batch = { inputs: [0, 1, 2, 3, 1, 2, 3, 4], targets: [1, 2, 3, 4, 2, 3, 4, 0] };
    const first = optimizer.stepSync(batch).loss;
    for (let i = 0; i < 80; i++) optimizer.stepSync(batch);
    const last = optimizer.stepSync(batch).loss;
    assert(last < first / 2, `${name}: from ${first} to ${last}`);
  });
}

Deno.test("saveModel() and saveState() keep what is shared", async () => {
  using backend = await createBackend({ prefer: ["wasm"] });
  using model = sequential(backend, { input: [4], layers: recurrent(), seed: 1 });
  const problem = objective(model, softmaxCrossEntropy());
  using optimizer = tekfac(problem);
  const batch = { inputs: [0, 1, 2, 3, 1, 2, 3, 4], targets: [1, 2, 3, 4, 2, 3, 4, 0] };
  optimizer.stepSync(batch);
  const kept = await loadModel(backend, await saveModel(problem));
  using loaded = kept.model;
  const names = ({ parameters }: Sequential) => parameters.map((p) => p.name);
  assert.deepEqual(names(loaded), names(model));
  assert.equal(loaded.architecture, model.architecture);
  const again = objective(loaded, softmaxCrossEntropy());
  assert.deepEqual(again.predictSync(batch.inputs), problem.predictSync(batch.inputs));

  using other = sequential(backend, { input: [4], layers: recurrent(), seed: 2 });
  using resumed = tekfac(objective(other, softmaxCrossEntropy()));
  loadState(resumed, await saveState(optimizer));
  assert.equal(resumed.stepSync(batch).loss, optimizer.stepSync(batch).loss);
});

Deno.test("places that cannot share their weights are refused, and nothing stays", () =>
  onReference((backend) => {
    const layer = dense(3);
    assert.throws(
      () => sequential(backend, { input: [4], layers: [layer, tanh(), layer] }),
      /Cannot build 'dense1' in another place: expected inputs that its weights \[3, 5\] fit/,
    );
    const tokens = embedding({ vocabulary: 5, width: 4 });
    assert.throws(
      () => sequential(backend, { input: [3, 4], layers: [tiedHead(tokens)] }),
      /Cannot build 'tiedHead1': expected the embedding that it is tied to among the layers before/,
    );
    assert.throws(
      () => sequential(backend, { input: [3], layers: [tokens, dense(6), tiedHead(tokens)] }),
      /Cannot build 'tiedHead1': expected 4 channels, the width of 'embedding1'.*received 6/,
    );
    assert.throws(() => tiedHead(dense(3)), /.tokens. must be the embedding/);
  }));
