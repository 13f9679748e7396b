/** Group normalisation against its definition, and exact blocks of scales and shifts of all normalisations. */
import assert from "#assert";
import { type ElementsCapture, Random } from "@tekfac/tekfac/core";
import type { ScaleShiftBlock } from "@tekfac/tekfac/curvature";
import {
  batchNorm2d,
  conv2d,
  dense,
  flatten,
  groupNorm,
  layerNorm,
  type LayerSpec,
  objective,
  rmsNorm,
  sequential,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import { ekfac, type KroneckerPreconditioner, tekfac } from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import { checkLayers, createReference, normal, onReference } from "./_harness.ts";

const [EXAMPLES, CHANNELS, EPSILON] = [4, 6, 1e-3];
const SHAPES = [[CHANNELS], [5, CHANNELS], [3, 2, CHANNELS]] as const;

/** Scaled and shifted by c + 1 and -c: by the definition, number by number. */
function groupNormalized(x: Float64Array, positions: number, groups: number): Float64Array {
  const width = CHANNELS / groups, size = positions * CHANNELS;
  return x.map((value, i) => {
    const c = i % CHANNELS, example = Math.floor(i / size);
    const members = [...x.subarray(example * size, (example + 1) * size)].filter((_, j) =>
      Math.floor(j % CHANNELS / width) === Math.floor(c / width)
    );
    const mean = members.reduce((sum, v) => sum + v, 0) / members.length;
    const variance = members.reduce((sum, v) => sum + (v - mean) ** 2, 0) / members.length;
    return (c + 1) * (value - mean) / Math.sqrt(variance + EPSILON) - c;
  });
}

Deno.test("groupNorm() is its definition on features, sequences and images", () =>
  onReference((backend) => {
    for (const input of SHAPES) {
      const positions = input.reduce<number>((product, n) => product * n, 1) / CHANNELS;
      for (const groups of [1, 2, 3, 6]) {
        const layers = [groupNorm({ groups, epsilon: EPSILON })];
        using model = sequential(backend, { input, layers });
        const c = Array.from({ length: CHANNELS }, (_, i) => i);
        backend.write(model.parameters[0].value, [...c.map((i) => i + 1), ...c.map((i) => -i)]);
        const x = normal(new Random(1), EXAMPLES * positions * CHANNELS);
        const y = objective(model, squaredError()).predictSync(x);
        allClose(y, groupNormalized(x, positions, groups), { absolute: 1e-11 });
      }
    }
  }));

Deno.test("groupNorm() has the gradients of central differences, with and without shifts", () =>
  onReference((backend) => {
    for (const input of SHAPES) {
      for (const groups of [2, 3]) {
        const layers = [tanh(), groupNorm({ groups, epsilon: 0.1, shift: groups > 2 }), tanh()];
        checkLayers(backend, { input, layers, examples: 3, seed: groups });
      }
    }
  }));

Deno.test("groupNorm() refuses groups that do not divide the channels, and groups that are none", () => {
  using backend = createReference();
  assert.throws(
    () => sequential(backend, { input: [2, 5], layers: [groupNorm({ groups: 2 })] }),
    /Cannot build 'groupNorm1': expected channels that 2 groups divide evenly, received 5/,
  );
  assert.throws(() => groupNorm({ groups: 0 }), /'groups' must be an integer >= 1/);
});

const kinds: Record<string, () => LayerSpec> = {
  "layerNorm()": () => layerNorm(),
  "rmsNorm()": () => rmsNorm(),
  "groupNorm()": () => groupNorm({ groups: 2 }),
  "batchNorm2d()": () => batchNorm2d(),
};

for (const [name, layer] of Object.entries(kinds)) {
  Deno.test(`tekfac() gives ${name} the exact 2 x 2 blocks of each example's gradient`, () =>
    onReference((backend) => {
      const layers = [conv2d(4, { kernel: 2 }), layer(), flatten(), dense(2)];
      using model = sequential(backend, { input: [3, 3, 2], layers, seed: 1 });
      const problem = objective(model, squaredError());
      using optimizer = tekfac(problem);
      const random = new Random(2);
      const batch = {
        inputs: normal(random, 18 * EXAMPLES),
        targets: normal(random, 2 * EXAMPLES),
      };
      optimizer.stepSync(batch);
      const preconditioner = optimizer.preconditioner as KroneckerPreconditioner;
      const block = preconditioner.estimator.blocks[1] as ScaleShiftBlock;
      assert.equal(block.method, "scaleShift");

      backend.scope(() => {
        problem.differentiate(batch, undefined);
        problem.differentiateSampled(new Random(1), { from: "targets", examples: EXAMPLES });
        const { gradients } = problem.capture(block.parameter) as ElementsCapture;
        block.observeEigenvalues({ kind: "elements", examples: EXAMPLES, gradients }, {
          decay: 0,
          scale: 1 / EXAMPLES,
        });
        const g = backend.readSync(gradients);
        const ones = new Float64Array(8).fill(1);
        const x = backend.scratch(2, 4), out = backend.scratch(2, 4);
        backend.write(x, ones.map((_, i) => i + 1));
        block.multiply(out, x);
        const expected = ones.map((_, i) => {
          const c = i % 4;
          let sum = 0;
          for (let n = 0; n < EXAMPLES; n++) {
            const [s, t] = [g[8 * n + c], g[8 * n + 4 + c]];
            sum += g[8 * n + i] * (s * (c + 1) + t * (c + 5)) / EXAMPLES;
          }
          return sum;
        });
        const largest = Math.max(...expected.map(Math.abs));
        allClose(backend.readSync(out), expected, { absolute: 1e-11 * largest });
      });
    }));
}

Deno.test("ekfac() of the data's own targets measures batchNorm2d()'s blocks from the mean gradient", () =>
  onReference((backend) => {
    const layers = [conv2d(4, { kernel: 2 }), batchNorm2d(), flatten(), dense(2)];
    using model = sequential(backend, { input: [3, 3, 2], layers, seed: 1 });
    using optimizer = ekfac(objective(model, squaredError()), {
      fisher: "empirical",
      momentum: 0,
      learningRate: 0,
    });
    const random = new Random(2);
    optimizer.stepSync({
      inputs: normal(random, 18 * EXAMPLES),
      targets: normal(random, 2 * EXAMPLES),
    });
    const preconditioner = optimizer.preconditioner as KroneckerPreconditioner;
    const block = preconditioner.estimator.blocks[1] as ScaleShiftBlock;
    const g = backend.readSync(block.parameter.gradient);
    const squares = [0, 1, 2].flatMap((kind) =>
      [0, 1, 2, 3].map((c) => EXAMPLES * (kind < 2 ? g[4 * kind + c] : g[c] + g[4 + c]) ** 2)
    );
    allClose(backend.readSync(block.moments), squares, { relative: 1e-9 });
  }));
