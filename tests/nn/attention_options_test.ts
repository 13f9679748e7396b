/** Attention with dropout and rotary positions, and softmax() as a layer. */
import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import {
  attention,
  dense,
  objective,
  sequential,
  softmax,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import { sgd } from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import { checkLayers, createReference, normal, onReference, scratchOf } from "./_harness.ts";

Deno.test("attention() with dropout and rotary positions has the gradients of central differences", () =>
  onReference((backend) => {
    for (const causal of [false, true]) {
      for (const [dropout, rotary] of [[0.4, false], [0, true], [0.4, true]] as const) {
        const layers = [attention({ heads: 2, causal, dropout, rotary })];
        checkLayers(backend, { input: [5, 4], layers, examples: 3, seed: 2 });
      }
    }
  }));

Deno.test("softmax() has the gradients of central differences on any shape", () =>
  onReference((backend) => {
    for (const input of [[5], [3, 4], [2, 2, 3]] as const) {
      checkLayers(backend, { input, layers: [tanh(), softmax()], examples: 3, seed: 1 });
    }
  }));

Deno.test("attention() with rotary positions sees distances alone", () =>
  onReference((backend) => {
    const [positions, channels] = [6, 8];
    const layers = [attention({ heads: 2, rotary: true })];
    using model = sequential(backend, { input: [positions, channels], layers, seed: 1 });
    using plain = sequential(backend, {
      input: [positions, channels],
      layers: [attention({ heads: 2 })],
      seed: 1,
    });
    const random = new Random(1);
    const row = normal(random, channels), other = normal(random, channels);
    // Positions t and t + 1 hold two rows, all others nothing: what they make of each other does not depend on t.
    const outputs = (of: typeof model, t: number) => {
      const x = new Float64Array(positions * channels);
      x.set(row, t * channels);
      x.set(other, (t + 1) * channels);
      return objective(of, squaredError()).predictSync(x);
    };
    const at = (y: Float64Array, t: number) => y.slice(t * channels, (t + 1) * channels);
    const [early, late] = [outputs(model, 0), outputs(model, 3)];
    allClose(at(early, 0), at(late, 3), { absolute: 1e-12 });
    allClose(at(early, 1), at(late, 4), { absolute: 1e-12 });
    // And it does depend on the distance, which nothing does without them.
    const apart = (of: typeof model, distance: number) => {
      const x = new Float64Array(positions * channels);
      x.set(row, 0);
      x.set(other, distance * channels);
      return at(objective(of, squaredError()).predictSync(x), 0);
    };
    allClose(apart(plain, 1), apart(plain, 3), { absolute: 1e-12 });
    const [near, far] = [apart(model, 1), apart(model, 3)];
    assert(near.some((value, i) => Math.abs(value - far[i]) > 1e-3));
  }));

Deno.test("attention() drops its share in training, the same where a pass is repeated, and nothing in predictions", () =>
  onReference((backend) => {
    const [positions, examples] = [16, 40];
    // Queries and keys of zeros attend evenly; values are ones: an output is the mean of what counts.
    const layers = [attention({ heads: 1, dropout: 0.25, bias: false })];
    using model = sequential(backend, { input: [positions, 1], layers, seed: 1 });
    backend.write(model.parameters[0].value, [0, 0, 1]);
    backend.write(model.parameters[1].value, [1]);
    const run = (draw: number | undefined) =>
      backend.scope(() => {
        const x = scratchOf(backend, positions * examples, 1, Array(positions * examples).fill(1));
        const pass = draw === undefined
          ? { kind: "inference" } as const
          : { kind: "training", draw } as const;
        return [...backend.readSync(model.forward(x, examples, pass))];
      });
    assert.deepEqual(run(3), run(3));
    assert.notDeepEqual(run(3), run(4));
    allClose(run(undefined), Array(positions * examples).fill(1), { absolute: 1e-12 });
    const outputs = run(3);
    const kept = outputs.reduce((sum, y) => sum + y * positions * 0.75, 0);
    const draws = positions * positions * examples;
    // Five standard deviations of a binomial.
    const absolute = 5 * Math.sqrt(draws * 0.25 * 0.75);
    allClose([kept], [0.75 * draws], { absolute });
  }));

Deno.test("attention() refuses rotary positions for heads of odd width, and shares of all", () => {
  using backend = createReference();
  assert.throws(
    () =>
      sequential(backend, {
        input: [4, 6],
        layers: [dense(6), attention({ heads: 2, rotary: true })],
      }),
    /Cannot build 'attention1': expected an even number of channels for each of 2 heads.*received 3/,
  );
  assert.throws(() => attention({ heads: 1, dropout: 1 }), /'dropout' must be .* < 1/);
});

Deno.test("attention() in training takes memory that grows like the positions, not like their square", async () => {
  const [examples, heads, channels] = [4, 8, 32];
  const reserved = async (positions: number): Promise<number> => {
    using backend = await createBackend({ prefer: ["wasm"], threads: 1 });
    const layers = [attention({ heads, causal: true })];
    using model = sequential(backend, { input: [positions, channels], layers, seed: 1 });
    using optimizer = sgd(objective(model, squaredError()));
    const inputs = normal(new Random(1), examples * positions * channels);
    optimizer.stepSync({ inputs, targets: inputs });
    return backend.memory().reservedBytes;
  };
  const [few, many] = [await reserved(128), await reserved(1024)];
  const scores = 4 * examples * heads * 1024 ** 2;
  assert(many - few < scores / 4, `${many - few} bytes more; all scores are ${scores}`);
});
