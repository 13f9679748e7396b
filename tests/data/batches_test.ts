import assert from "#assert";
import fc from "#fast-check";
import { batchCount, batches, createDataset, type Dataset } from "@tekfac/tekfac/data";

/** `count` images of two equal pixels; image i is i / count bright and labelled i modulo 10. */
function small(count: number): Dataset {
  return createDataset({
    images: Float32Array.from({ length: 2 * count }, (_, i) => Math.floor(i / 2) / count),
    labels: Uint8Array.from({ length: count }, (_, i) => i % 10),
    shape: [1, 2, 1],
    classes: 10,
    source: "small",
  });
}

/** Copies of all batches, as the arrays of a batch live only until the next. */
function collect(...args: Parameters<typeof batches>): { inputs: number[]; targets: number[] }[] {
  return Array.from(batches(...args), ({ inputs, targets, examples }) => {
    assert.equal(inputs.length, 2 * examples);
    return { inputs: [...inputs], targets: [...targets] };
  });
}

Deno.test("batches() yields every example once with its own label, the last batch short", () => {
  const property = fc.property(
    fc.integer({ min: 1, max: 60 }),
    fc.integer({ min: 1, max: 70 }),
    fc.option(fc.record({ seed: fc.integer(), epoch: fc.nat(5) }), { nil: undefined }),
    (count, size, shuffle) => {
      const dataset = small(count);
      const all = collect(dataset, shuffle === undefined ? { size } : { size, shuffle });
      assert.equal(all.length, batchCount(dataset, size));
      const lengths = all.map(({ targets }) => targets.length);
      assert.ok(lengths.slice(0, -1).every((length) => length === size));
      assert.equal(lengths.reduce((a, b) => a + b), count);
      const seen = new Set<number>();
      for (const { inputs, targets } of all) {
        targets.forEach((label, i) => {
          const index = Math.round(inputs[2 * i] * count);
          assert.equal(label, index % 10);
          assert.equal(inputs[2 * i], inputs[2 * i + 1]);
          seen.add(index);
        });
      }
      assert.equal(seen.size, count);
    },
  );
  fc.assert(property, { numRuns: 100 });
});

Deno.test("batches() repeats an order for equal seed and epoch, and only then", () => {
  const order = (seed: number, epoch: number) =>
    collect(small(40), { size: 40, shuffle: { seed, epoch } })[0].inputs;
  assert.deepEqual(order(3, 1), order(3, 1));
  assert.notDeepEqual(order(3, 1), order(3, 2));
  assert.notDeepEqual(order(3, 1), order(4, 1));
});

Deno.test("batches() of ranks are together, in turn, the batches of one, and equally many", () => {
  const property = fc.property(
    fc.integer({ min: 4, max: 60 }),
    fc.integer({ min: 4, max: 70 }),
    fc.integer({ min: 1, max: 4 }),
    fc.option(fc.record({ seed: fc.integer(), epoch: fc.nat(5) }), { nil: undefined }),
    (count, size, ranks, shuffle) => {
      const dataset = small(count);
      const options = { size, ...(shuffle === undefined ? {} : { shuffle }) };
      const whole = collect(dataset, options);
      const parts = Array.from(
        { length: ranks },
        (_, rank) => collect(dataset, { ...options, share: { rank, ranks } }),
      );
      const steps = batchCount(dataset, size, ranks);
      assert.deepEqual(parts.map(({ length }) => length), parts.map(() => steps));
      const left = whole.slice(steps);
      assert(left.every(({ targets }) => targets.length < ranks));
      whole.slice(0, steps).forEach(({ targets, inputs }, step) => {
        targets.forEach((label, place) => {
          const part = parts[place % ranks][step];
          const i = Math.floor(place / ranks);
          assert.equal(part.targets[i], label);
          assert.equal(part.inputs[2 * i], inputs[2 * place]);
        });
      });
    },
  );
  fc.assert(property, { numRuns: 100 });
});

Deno.test("batches() keeps the stored order without a shuffle", () => {
  assert.deepEqual(collect(small(3), { size: 2 }).map(({ targets }) => targets), [[0, 1], [2]]);
});

Deno.test("batches() gives the inputs themselves as targets for reproducing them", () => {
  const dataset = small(5);
  for (const shuffle of [undefined, { seed: 0, epoch: 0 }]) {
    const options = { size: 2, targets: "inputs" as const };
    const all = batches(dataset, shuffle === undefined ? options : { ...options, shuffle });
    for (const { inputs, targets } of all) assert.equal(targets, inputs);
  }
});

Deno.test("batches() rejects sizes and epochs out of range at once", () => {
  assert.throws(() => batches(small(3), { size: 0 }), {
    name: "OptionError",
    message: "Cannot make batches: 'size' must be an integer >= 1: received 0",
  });
  assert.throws(() => batches(small(3), { size: 1, shuffle: { seed: 0, epoch: -1 } }), {
    name: "OptionError",
    message: /'shuffle.epoch'/,
  });
});
