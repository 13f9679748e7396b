/**
 * The analysis of models of TensorFlow.js beside that of the same networks of our layers. `deno task test:adapters`; no
 * part of the gate.
 */
import assert from "#assert";
import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import { curvatureOf, influence, selfInfluence } from "@tekfac/tekfac/analysis";
import { createBackend } from "@tekfac/tekfac/backend";
import { objective, sequential, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
import { allClose } from "@tekfac/tekfac/testing";
import { observedModel } from "@tekfac/tekfac/tfjs";
import { CONVOLUTIONS, crossEntropy, DENSE, examples, N, tfjsModel } from "./_tfjs_twin.ts";

for (const [name, twin] of Object.entries({ DENSE, CONVOLUTIONS })) {
  Deno.test(`curvatureOf(), influence() and selfInfluence() take models of TensorFlow.js: ${name}`, async () => {
    using backend = await createBackend({ prefer: ["wasm"] });
    const { input, classes, nn } = twin;
    const { inputs, labels } = examples(N, input.reduce((a, b) => a * b), classes);
    const theirs = tfjsModel(twin);
    const { numTensors } = tf.memory();
    using observed = observedModel(theirs, backend);
    const batchOf = (from: number, to: number) => {
      const size = inputs.length / N;
      return observed.batch(() => {
        const x = tf.tensor(inputs.slice(from * size, to * size), [to - from, ...input]);
        const y = tf.oneHot(tf.tensor1d(labels.slice(from, to), "int32"), classes);
        return tf.mean(crossEntropy(tf.cast(y, "float32"), theirs.apply(x) as tf.Tensor));
      });
    };
    const batches = [await batchOf(0, 30), await batchOf(30, N)];
    assert.equal(tf.memory().numTensors, numTensors);

    using model = sequential(backend, { input: input as [number], layers: [...nn], seed: 1 });
    const weights = observed.objective.readWeightsSync();
    Object.values(weights).forEach((numbers, l) => {
      backend.write(model.parameters[l].value, numbers);
    });
    const train = { inputs, targets: labels };
    const goal = objective(model, softmaxCrossEntropy());
    using ours = await curvatureOf(goal, train, { fisher: "empirical" });
    using curvature = await curvatureOf(observed.objective, batches);
    const near = { relative: 2 ** -10 };
    allClose([curvature.facts.loss, curvature.trace()], [ours.facts.loss, ours.trace()], near);
    const own = await selfInfluence(ours, { train });
    allClose(await selfInfluence(curvature, { train: batches }), own, near);
    const expected = (await influence(ours, { train, queries: train, scores: true })).scores!;
    const { scores } = await influence(curvature, {
      ...{ train: batches, queries: batches, scores: true },
    });
    const largest = expected.reduce((most, score) => Math.max(most, Math.abs(score)), 0);
    allClose(scores!, expected, { absolute: 2 ** -10 * largest });
    theirs.dispose();
  });
}
