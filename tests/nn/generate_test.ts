/** Generated sequences, beside the probabilities they are drawn from. */
import assert from "#assert";
import { dense, embedding, generate, gpt, meanPositions, sequential } from "@tekfac/tekfac/nn";
import { writeWeights } from "@tekfac/tekfac/nn";
import { createReference } from "./_harness.ts";

/** Logits of the next token after 0, 1 and 2: a table of them is a model. */
const LOGITS = [[0, 1, -1], [2, 0, 0.5], [-1, -1, 3]];

function tableModel(backend: ReturnType<typeof createReference>) {
  const layers = [embedding({ vocabulary: 3, width: 3 })];
  const model = sequential(backend, { input: [4], layers });
  writeWeights(backend, model.parameters[0], LOGITS.flat());
  return model;
}

for (const temperature of [1, 0.5, 2]) {
  Deno.test(`generate() draws each token as often as its probability at temperature ${temperature} says`, async () => {
    using backend = createReference();
    using model = tableModel(backend);
    const count = 4000;
    const tokens = await generate(model, [0], { count, temperature, seed: 7 });
    const sequence = [0, ...tokens];
    for (let before = 0; before < 3; before++) {
      const weights = LOGITS[before].map((z) => Math.exp(z / temperature));
      const total = weights.reduce((a, b) => a + b);
      const places = sequence.slice(0, -1).flatMap((token, i) => token === before ? [i + 1] : []);
      weights.forEach((weight, next) => {
        const p = weight / total;
        const share = places.filter((i) => sequence[i] === next).length / places.length;
        const deviation = Math.sqrt(p * (1 - p) / places.length);
        assert(Math.abs(share - p) < 5 * deviation + 1e-3, `${before} to ${next}: ${share}, ${p}`);
      });
    }
  });
}

Deno.test("generate() is repeated by its seed, and takes the likeliest at temperature 0", async () => {
  using backend = createReference();
  using model = tableModel(backend);
  const options = { count: 30, seed: 1 };
  const tokens = await generate(model, [2, 1], options);
  assert.deepEqual(await generate(model, [2, 1], options), tokens);
  assert.notDeepEqual(await generate(model, [2, 1], { ...options, seed: 2 }), tokens);
  const likeliest = await generate(model, [0], { count: 4, temperature: 0 });
  assert.deepEqual([...likeliest], [1, 0, 1, 0]);
  assert.equal((await generate(model, [0], { count: 0 })).length, 0);
});

Deno.test("generate() looks at no more than the model's positions, and at all of them", async () => {
  using backend = createReference();
  const layers = gpt({ vocabulary: 5, context: 3, layers: 1, heads: 1, width: 4 });
  using model = sequential(backend, { input: [3], layers, seed: 3 });
  // The first rows are small: with larger ones the tokens before matter.
  const [tokens] = model.parameters;
  writeWeights(backend, tokens, Array.from({ length: 20 }, (_, i) => Math.sin(7 * i)));
  // What is drawn first, by seed: a window later the first token is out of sight.
  const after = (...prompt: number[]) =>
    Promise.all(
      Array.from({ length: 300 }, (_, seed) => generate(model, prompt, { count: 1, seed })),
    );
  assert.deepEqual(await after(4, 4, 1, 2, 3), await after(1, 2, 3));
  assert.notDeepEqual(await after(0, 2, 3), await after(4, 2, 3));
});

Deno.test("generate() says what it cannot go on from", async () => {
  using backend = createReference();
  using model = tableModel(backend);
  await assert.rejects(generate(model, [], { count: 1 }), { name: "DataError" });
  await assert.rejects(generate(model, [3], { count: 1 }), { name: "DataError" });
  await assert.rejects(generate(model, [0], { count: -1 }), { name: "OptionError" });
  const layers = [embedding({ vocabulary: 3, width: 2 }), meanPositions(), dense(3)];
  using classifier = sequential(backend, { input: [4], layers });
  await assert.rejects(generate(classifier, [0], { count: 1 }), {
    name: "ShapeError",
    message: "Cannot generate: expected a model from [positions] tokens to their logits, " +
      "received 4 to 3",
  });
});
