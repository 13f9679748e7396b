import assert from "#assert";
import { batches, splitDataset, streamBatches, table, weighted } from "@tekfac/tekfac/data";

const data = table({ inputs: [0, 1, 2, 3, 4, 5], targets: [0, 0, 0, 0, 1, 1], classes: 2 });

Deno.test("weighted() multiplies weights of examples and classes and makes their mean 1", () => {
  const { weights } = weighted(data, { examples: [1, 2, 1, 1, 1, 2], classes: [1, 3] });
  const raw = [1, 2, 1, 1, 3, 6];
  assert.deepEqual([...weights!], raw.map((weight) => weight / (14 / 6)));
});

Deno.test("weighted() weights follow their examples through splits, order and streams", async () => {
  const { train } = splitDataset(weighted(data, { examples: [1, 2, 3, 4, 5, 6] }), {
    testShare: 1 / 3,
    seed: 3,
  });
  const options = { size: 3, shuffle: { seed: 1, epoch: 0 } };
  const expected = (input: number) => (input + 1) / 3.5;
  for (const { inputs, weights } of batches(train, options)) {
    assert.deepEqual([...weights!], [...inputs].map(expected));
  }
  for await (const { inputs, weights } of streamBatches(train, options)) {
    assert.deepEqual([...weights!], [...inputs].map(expected));
  }
});

Deno.test("weighted() refuses what cannot be meant", () => {
  assert.throws(() => weighted(data, { examples: [1] }), { name: "DataError" });
  assert.throws(() => weighted(data, { classes: [1, -1] }), { name: "DataError" });
  assert.throws(() => weighted(data, { classes: [0, 0] }), { name: "DataError" });
  const numbers = table({ inputs: [1, 2], targets: [1, 2] });
  assert.throws(() => weighted(numbers, { classes: "balanced" }), { name: "OptionError" });
});
