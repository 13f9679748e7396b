/**
 * The analysis of a network of jax-js beside that of the same network of our layers. `deno task test:adapters`; no part
 * of the gate.
 */
import assert from "#assert";
import {
  type Array as JaxArray,
  defaultDevice,
  init,
  nn,
  numpy as np,
  tree,
} from "npm:@jax-js/jax@0.1.25";
import { curvatureOf, influence, selfInfluence } from "@tekfac/tekfac/analysis";
import { createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import { captured, observedModel } from "@tekfac/tekfac/jax";
import { dense, objective, sequential, softmaxCrossEntropy, tanh } from "@tekfac/tekfac/nn";
import { allClose, randomNormals } from "@tekfac/tekfac/testing";

await init("wasm");
defaultDevice("wasm");

const SIZES = [4, 6, 3] as const;

/** The weights [dOut, dIn'] of a layer, as jax-js has them. */
function parametersOf(weights: ArrayLike<number>, dOut: number, dIn: number) {
  const at = (i: number, j: number) => weights[i * (dIn + 1) + j];
  const w = Array.from({ length: dIn }, (_, j) => Array.from({ length: dOut }, (_, i) => at(i, j)));
  return { w: np.array(w), b: np.array(Array.from({ length: dOut }, (_, i) => at(i, dIn))) };
}

Deno.test("curvatureOf(), influence() and selfInfluence() take models of jax-js", async () => {
  using backend = await createBackend();
  const [dIn, hidden, classes] = SIZES;
  using model = sequential(backend, {
    input: [dIn],
    layers: [dense(hidden), tanh(), dense(classes)],
    seed: 3,
  });
  const goal = objective(model, softmaxCrossEntropy());
  const random = new Random(1);
  const examples = (n: number) => ({
    inputs: randomNormals(random, n * dIn),
    targets: Array.from({ length: n }, (_, i) => i % classes),
  });
  const [train, queries] = [examples(20), examples(4)];

  const layers = { one: { kind: "dense" }, two: { kind: "dense" } } as const;
  const [one, two] = model.parameters.map(({ value }) => backend.readSync(value));
  const params = {
    one: parametersOf(one, hidden, dIn),
    two: parametersOf(two, classes, hidden),
  };
  const differentiate = captured(
    layers,
    ({ one, two }: typeof params, probe, x: JaxArray, y: JaxArray) => {
      const h = np.tanh(probe("one", x.ref, np.dot(x, one.w).add(one.b)));
      const z = probe("two", h.ref, np.dot(h, two.w).add(two.b));
      return np.mean(np.sum(nn.logSoftmax(z).mul(y), -1)).mul(-1);
    },
  );
  using theirs = await observedModel(backend, layers, tree.ref(params));
  const batchOf = ({ inputs, targets }: typeof train) => {
    const n = targets.length;
    const x = np.array(Float32Array.from(inputs)).reshape([n, dIn]);
    const y = np.array(targets.map((t) => Array.from({ length: classes }, (_, k) => +(k === t))));
    return theirs.batch(...differentiate(tree.ref(params), x, y));
  };
  const [jaxTrain, jaxQueries] = [[await batchOf(train)], [await batchOf(queries)]];
  using ours = await curvatureOf(goal, train, { fisher: "empirical" });
  using curvature = await curvatureOf(theirs.objective, jaxTrain);
  assert.equal(curvature.facts.settings.fisher, "empirical");
  const near = { relative: 2 ** -12 };
  allClose([curvature.trace()], [ours.trace()], near);
  const own = await selfInfluence(ours, { train });
  allClose(await selfInfluence(curvature, { train: jaxTrain }), own, near);
  const expected = (await influence(ours, { train, queries, scores: true })).scores!;
  const asked = { train: jaxTrain, queries: jaxQueries, scores: true } as const;
  const largest = expected.reduce((most, score) => Math.max(most, Math.abs(score)), 0);
  allClose((await influence(curvature, asked)).scores!, expected, { absolute: 2 ** -12 * largest });
  tree.dispose(params);
});
