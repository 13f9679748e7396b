/** Factors of whole gradients against the exact Fisher, which is made from the gradient of one example at a time. */
import assert from "#assert";
import type { Backend } from "@tekfac/tekfac/backend";
import { type KroneckerCapture, Random } from "@tekfac/tekfac/core";
import { LowRankBlock, TekfacBlock, traceKeeping } from "@tekfac/tekfac/curvature";
import { identityMatrix, trace } from "@tekfac/tekfac/linalg";
import {
  conv2d,
  flatten,
  type ModelObjective,
  objective,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";
import { allClose, eachBackend } from "@tekfac/tekfac/testing";
import { exactFisher } from "../../lab/relationships/exact_fisher.ts";
import { inputMoment, outputMoment } from "../../lab/relationships/factor_family.ts";

const EXAMPLES = 6;

/** A convolution of nine locations, stride 2 and padding, and one whose locations are the classes. */
function withModel(backend: Backend, body: (goal: ModelObjective) => void): void {
  using model = sequential(backend, {
    input: [5, 5, 2],
    layers: [
      ...[conv2d(3, { kernel: 3, stride: 2, padding: 1 }), tanh()],
      ...[conv2d(1, { kernel: 2 }), flatten()],
    ],
    seed: 4,
  });
  body(objective(model, softmaxCrossEntropy()));
}

function batch() {
  const random = new Random(6);
  return {
    inputs: Float64Array.from({ length: EXAMPLES * 50 }, () => random.normal()),
    targets: Array.from({ length: EXAMPLES }, () => random.integer(4)),
  };
}

eachBackend(
  Deno.test,
  "factors of whole gradients are the partial traces of the Fisher, at full and at low rank",
  (backend) =>
    withModel(backend, (goal) => {
      const fishers = exactFisher(goal, batch());
      const damping = { kind: "absolute", lambda: 1 } as const;
      goal.parameters.forEach((parameter, i) => {
        const { rows: outputs, cols: inputs } = parameter.value;
        const sizes = { outputs, inputs };
        const input = inputMoment(fishers[i], sizes, identityMatrix(outputs));
        const output = outputMoment(fishers[i], sizes, identityMatrix(inputs));
        // Sums over examples, locations and rows in float32, behind two layers.
        const absolute = 16 * (EXAMPLES + 9 + outputs + inputs) * 2 ** -24 * trace(fishers[i]);
        using full = new TekfacBlock(backend, parameter, { damping, factors: "exact" });
        const rank = Math.max(outputs, inputs);
        using low = new LowRankBlock(backend, parameter, {
          ...{ damping, method: "tekfac", statistic: traceKeeping, rank, exact: true },
        });
        backend.scope(() => {
          goal.differentiate(batch(), undefined);
          const capture = goal.capture(parameter) as KroneckerCapture;
          for (const block of [full, low]) {
            block.observeStatistics(capture, { decay: 0, scale: 1 / EXAMPLES });
            const [share] = backend.readSync(block.effectiveShare!);
            assert.ok(share > 0 && share <= 1, `${share}`);
          }
        });
        allClose(backend.readSync(full.inputFactor), input.data, { absolute });
        allClose(backend.readSync(full.outputFactor), output.data, { absolute });
        for (const sum of [input, output]) {
          assert.ok(Math.abs(trace(sum) - trace(fishers[i])) < absolute);
        }
        // A sketch is the factor, seen in the basis that it was multiplied with.
        for (const [side, factor] of [[low.input, input], [low.output, output]] as const) {
          const q = backend.readSync(side.basis);
          const y = backend.readSync(side.product);
          const n = factor.rows;
          const expected = Array.from({ length: n * n }, (_, at) => {
            const [row, column] = [Math.floor(at / n), at % n];
            let sum = 0;
            for (let k = 0; k < n; k++) sum += q[row * n + k] * factor.data[k * n + column];
            return sum;
          });
          allClose(y, expected, { absolute: 4 * absolute });
        }
      });
    }),
);

eachBackend(Deno.test, "tekfac() with exact factors learns, at full and at low rank", (backend) => {
  for (const rank of [2, "full"] as const) {
    withModel(backend, (goal) => {
      using optimizer = tekfac(goal, { factors: "exact", rank });
      const losses = Array.from({ length: 12 }, () => optimizer.stepSync(batch()).loss);
      assert.ok(losses[11] < 0.5 * losses[0], `${rank}: ${losses}`);
    });
  }
});
