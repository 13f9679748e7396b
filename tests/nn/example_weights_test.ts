import assert from "#assert";
import { Random } from "@tekfac/tekfac/core";
import {
  type BatchLike,
  dense,
  embedding,
  type Loss,
  objective,
  sequential,
  softmaxCrossEntropy,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import { allClose, eachBackend } from "@tekfac/tekfac/testing";

const FEATURES = 3;
const OUTPUTS = 2;

/** Three examples, and the same with the first one twice and without the last. */
function pair(loss: Loss): { weighted: BatchLike; repeated: BatchLike } {
  const random = new Random(5);
  const row = () => Array.from({ length: FEATURES }, () => random.normal());
  const [a, b, c] = [row(), row(), row()];
  const goals = loss.kind === "softmaxCrossEntropy" ? [[1], [0], [1]] : [[1, 2], [-1, 0], [3, 1]];
  const [ta, tb, tc] = goals;
  return {
    weighted: { inputs: [a, b, c].flat(), targets: [ta, tb, tc].flat(), weights: [2, 1, 0] },
    repeated: { inputs: [a, a, b].flat(), targets: [ta, ta, tb].flat() },
  };
}

for (const loss of [softmaxCrossEntropy(), squaredError()]) {
  eachBackend(
    Deno.test,
    `differentiate() takes an example of weight 2 for two, of weight 0 for none: ${loss.kind}`,
    (backend) => {
      const layers = [dense(4), tanh(), dense(OUTPUTS)];
      using model = sequential(backend, { input: [FEATURES], layers, seed: 1 });
      const problem = objective(model, loss);
      const { weighted, repeated } = pair(loss);
      const blend = { decay: 0, scale: 1 / 3 };
      const seen = [weighted, repeated].map((batch) =>
        backend.scope(() => {
          problem.differentiate(batch, blend);
          return model.parameters.flatMap(({ gradient }) => [...backend.readSync(gradient)]);
        })
      );
      allClose(seen[0], seen[1], { relative: 64 * 2 ** -23 });
      const [one, other] = [weighted, repeated].map((batch) => problem.evaluateSync(batch).loss);
      assert(Math.abs(one - other) <= 64 * 2 ** -23 * Math.abs(other));
    },
  );

  eachBackend(
    Deno.test,
    `differentiateSampled() weighs curvature as the loss: ${loss.kind}`,
    (backend) => {
      // Of one example, the same signs are drawn: captures of weight 4 are twice those of weight 1.
      using model = sequential(backend, { input: [2], layers: [dense(OUTPUTS)], seed: 1 });
      const problem = objective(model, loss);
      const targets = loss.kind === "softmaxCrossEntropy" ? [1] : [1, 2];
      const gradientsOf = (weights: number[]) =>
        backend.scope(() => {
          problem.differentiate({ inputs: [1, 2], targets, weights }, { decay: 0, scale: 1 });
          problem.differentiateSampled(new Random(1), { from: "signs", examples: 1 });
          const capture = problem.capture(model.parameters[0]);
          if (capture?.kind !== "dense") throw new Error("no capture");
          return [...backend.readSync(capture.outputGradients)];
        });
      allClose(gradientsOf([4]), gradientsOf([1]).map((g) => 2 * g), { relative: 2 ** -22 });
    },
  );
}

eachBackend(Deno.test, "examplesOf() refuses weights that do not fit", (backend) => {
  using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
  const problem = objective(model, squaredError());
  const batch = { inputs: [1, 2], targets: [1, 2] };
  assert.throws(() => problem.examplesOf({ ...batch, weights: [1] }), { name: "ShapeError" });
  for (const weight of [NaN, -1, Infinity]) {
    const weights = [1, weight];
    assert.throws(() => problem.examplesOf({ ...batch, weights }), { message: /example 1/ });
  }
});

eachBackend(Deno.test, "differentiate() weighs all positions of an example", (backend) => {
  const layers = [embedding({ vocabulary: 5, width: 3 }), dense(5)];
  using model = sequential(backend, { input: [2], layers, seed: 1 });
  const problem = objective(model, softmaxCrossEntropy());
  const [a, b] = [[1, 2], [3, 4]];
  const blend = { decay: 0, scale: 1 / 2 };
  const seen = [
    { inputs: [...a, ...b], targets: [...b, ...a], weights: [2, 0] },
    { inputs: [...a, ...a], targets: [...b, ...b] },
  ].map((batch) =>
    backend.scope(() => {
      problem.differentiate(batch, blend);
      return model.parameters.flatMap(({ gradient }) => [...backend.readSync(gradient)]);
    })
  );
  allClose(seen[0], seen[1], { relative: 64 * 2 ** -23 });
});
