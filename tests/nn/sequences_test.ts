/** Sequences: layers that act on every position, and losses over positions. */
import assert from "#assert";
import type { ConvCapture } from "@tekfac/tekfac/core";
import { Random } from "@tekfac/tekfac/core";
import { perExampleGradients } from "@tekfac/tekfac/linalg";
import {
  dense,
  dropout,
  flatten,
  lastPosition,
  type LayerSpec,
  meanPositions,
  objective,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";
import { allClose, download } from "@tekfac/tekfac/testing";
import {
  checkLayers,
  checkParameterGradient,
  createReference,
  normal,
  onReference,
} from "./_harness.ts";

const [POSITIONS, CHANNELS, CLASSES, EXAMPLES] = [4, 3, 5, 6];

const heads: Record<string, readonly LayerSpec[]> = {
  "dense()": [dense(2), tanh(), dropout(0.3), dense(3, { bias: false })],
  "meanPositions()": [dense(2), meanPositions(), dense(3)],
  "lastPosition()": [dense(2), lastPosition(), dense(3)],
  "flatten()": [dense(2), flatten(), dense(3)],
};

for (const [name, layers] of Object.entries(heads)) {
  Deno.test(`${name} has the gradients of central differences on sequences`, () =>
    onReference((backend) => {
      for (const positions of [1, 4]) {
        checkLayers(backend, { input: [positions, CHANNELS], layers, examples: 3, seed: 1 });
      }
    }));
}

Deno.test("dense() on a sequence is the same layer at every position, and leaves T locations", () =>
  onReference((backend) => {
    const layers = [dense(CLASSES)];
    using onSequences = sequential(backend, { input: [POSITIONS, CHANNELS], layers, seed: 3 });
    using onRows = sequential(backend, { input: [CHANNELS], layers, seed: 3 });
    const inputs = normal(new Random(1), EXAMPLES * POSITIONS * CHANNELS);
    const targets = Array.from({ length: EXAMPLES * POSITIONS }, (_, i) => i % CLASSES);
    const [problem, plain] = [onSequences, onRows].map((m) => objective(m, softmaxCrossEntropy()));
    const absolute = 64 * Number.EPSILON;
    allClose(problem.predictSync(inputs), plain.predictSync(inputs), { absolute });
    const evaluated = problem.evaluateSync({ inputs, targets });
    const expected = plain.evaluateSync({ inputs, targets });
    allClose([evaluated.loss], [expected.loss], { absolute });
    assert.equal(evaluated.accuracy, expected.accuracy);

    backend.scope(() => {
      const losses = problem.differentiate({ inputs, targets }, { decay: 0, scale: 1 / EXAMPLES });
      assert.equal(losses.cols, EXAMPLES);
      const [parameter] = problem.parameters;
      const capture = problem.capture(parameter) as ConvCapture;
      const x = download(backend, capture.images);
      const abar = {
        rows: x.rows,
        cols: CHANNELS + 1,
        data: new Float64Array(x.rows * (CHANNELS + 1)).fill(1),
      };
      for (let i = 0; i < x.rows; i++) {
        for (let c = 0; c < CHANNELS; c++) {
          abar.data[i * (CHANNELS + 1) + c] = x.data[i * CHANNELS + c];
        }
      }
      const each = perExampleGradients(abar, download(backend, capture.outputGradients), EXAMPLES);
      const mean = each[0].data.map((_, i) =>
        each.reduce((sum, g) => sum + g.data[i], 0) / EXAMPLES
      );
      allClose(backend.readSync(parameter.gradient), mean, { absolute });
    });
    checkParameterGradient(
      backend,
      problem.parameters[0],
      () => problem.evaluateSync({ inputs, targets }).loss,
    );
  }));

for (const from of ["signs", "targets"] as const) {
  Deno.test(`differentiateSampled() of ${from} over positions has the mean Hessian as covariance`, () =>
    onReference((backend) => {
      const [classes, draws] = [2, 20_000];
      using model = sequential(backend, {
        input: [POSITIONS, 1],
        layers: [dense(classes)],
        seed: 6,
      });
      const problem = objective(model, softmaxCrossEntropy());
      const example = [0.9, -0.4, 0.1, 2];
      const inputs = Float64Array.from(
        { length: POSITIONS * draws },
        (_, i) => example[i % POSITIONS],
      );
      const g = backend.scope(() => {
        problem.differentiate({ inputs, targets: new Uint8Array(inputs.length) }, undefined);
        problem.differentiateSampled(new Random(12), { from, examples: draws });
        const { outputGradients } = problem.capture(model.parameters[0]) as ConvCapture;
        return backend.readSync(outputGradients);
      });
      const z = problem.predictSync(inputs.subarray(0, POSITIONS));
      for (let t = 0; t < POSITIONS; t++) {
        const p = 1 / (1 + Math.exp(z[2 * t + 1] - z[2 * t]));
        // One class against the other: p (1 - p), a T-th of it for each of T positions.
        const squares = Float64Array.from(
          { length: draws },
          (_, n) => g[2 * (n * POSITIONS + t)] ** 2,
        );
        const mean = squares.reduce((a, b) => a + b) / draws;
        const deviation = Math.sqrt(squares.reduce((sum, s) => sum + (s - mean) ** 2, 0)) / draws;
        const absolute = 5 * deviation + 64 * Number.EPSILON;
        allClose([mean], [p * (1 - p) / POSITIONS], { absolute, label: `position ${t}` });
      }
    }));
}

Deno.test("softmaxCrossEntropy() over positions names the position of an impossible label", () => {
  using backend = createReference();
  using model = sequential(backend, { input: [2, 1], layers: [dense(3)] });
  const problem = objective(model, softmaxCrossEntropy());
  assert.throws(
    () => problem.evaluateSync({ inputs: [1, 2, 3, 4], targets: [0, 1, 2, 3] }),
    /label of position 1 of example 1 must be an integer in \[0, 2\]: received 3/,
  );
  assert.throws(() => problem.evaluateSync({ inputs: [1, 2], targets: [0] }), {
    name: "ShapeError",
  });
});

Deno.test("meanPositions() and lastPosition() refuse what is no sequence, in one sentence", () => {
  using backend = createReference();
  for (
    const [layer, name] of [[meanPositions(), "meanPositions1"], [
      lastPosition(),
      "lastPosition1",
    ]] as const
  ) {
    assert.throws(
      () => sequential(backend, { input: [3], layers: [layer] }),
      new RegExp(
        `'${name}': expected a sequence \\[positions, channels\\].*received rows of 3 features`,
      ),
    );
  }
});

Deno.test("tekfac() with its defaults trains a wide layer on sequences", () =>
  onReference((backend) => {
    const layers = [dense(40), tanh(), dense(CLASSES)];
    using model = sequential(backend, { input: [POSITIONS, CHANNELS], layers, seed: 3 });
    using optimizer = tekfac(objective(model, softmaxCrossEntropy()));
    const random = new Random(1);
    const inputs = normal(random, 32 * POSITIONS * CHANNELS);
    const targets = Array.from(
      { length: 32 * POSITIONS },
      (_, i) => inputs[i * CHANNELS] > 0 ? 1 : inputs[i * CHANNELS + 1] > 0 ? 2 : 3,
    );
    let loss = Infinity;
    for (let step = 0; step < 30; step++) loss = optimizer.stepSync({ inputs, targets }).loss;
    assert(loss < 0.1, `${loss}`);
  }));
