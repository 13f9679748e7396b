/** Splits, folds, windows and standardization of tables. */
import assert from "#assert";
import fc from "#fast-check";
import {
  batches,
  denormalizeNumbers,
  examplesIn,
  kFold,
  normalizeNumbers,
  splitDataset,
  standardized,
  standardizedBy,
  streamBatches,
  table,
  windows,
} from "@tekfac/tekfac/data";

/** Rows i and i squared with the target 10 i. */
const squares = (count: number) =>
  table({
    inputs: Array.from({ length: count }, (_, i) => [i, i * i]),
    targets: Array.from({ length: count }, (_, i) => 10 * i),
  });

Deno.test("batches() gives the rows of a table with their own targets, in every order", async () => {
  const data = squares(50);
  for (const shuffle of [undefined, { seed: 3, epoch: 2 }]) {
    const options = { size: 8, ...(shuffle === undefined ? {} : { shuffle }) };
    const seen: number[] = [];
    const take = (
      { inputs, targets, examples }: { [K in "inputs" | "targets"]: ArrayLike<number> } & {
        examples: number;
      },
    ) => {
      for (let i = 0; i < examples; i++) {
        assert.deepEqual([inputs[2 * i + 1], targets[i]], [inputs[2 * i] ** 2, 10 * inputs[2 * i]]);
        seen.push(inputs[2 * i]);
      }
    };
    for (const batch of batches(data, options)) take(batch);
    for await (const batch of streamBatches(data, options)) take(batch);
    const all = Array.from({ length: 50 }, (_, i) => i);
    assert.deepEqual(seen.sort((a, b) => a - b), [...all, ...all].sort((a, b) => a - b));
  }
  const [{ inputs, targets }] = batches(data, { size: 8, targets: "inputs" });
  assert.equal(inputs, targets);
});

Deno.test("batches() refuses to vary what is no image", () => {
  const options = { size: 2, shuffle: { seed: 0, epoch: 0 }, augment: { flip: true } };
  assert.throws(() => batches(squares(4), options), {
    name: "OptionError",
    message: /'augment' is for images, and examples have the shape \[2\]/,
  });
});

Deno.test("kFold() holds every example back exactly once, in parts of nearly one size", () => {
  const property = fc.property(
    fc.integer({ min: 2, max: 60 }),
    fc.integer({ min: 2, max: 10 }),
    fc.integer(),
    (count, wanted, seed) => {
      const folds = Math.min(count, wanted);
      const held: number[] = [];
      for (const { train, test } of kFold(squares(count), { folds, seed })) {
        assert.equal(examplesIn(train) + examplesIn(test), count);
        assert(Math.abs(examplesIn(test) - count / folds) < 1);
        const tested = new Set(test.targets);
        assert(train.targets.every((target) => !tested.has(target)));
        held.push(...test.targets);
      }
      assert.deepEqual(held.sort((a, b) => a - b), [...squares(count).targets]);
    },
  );
  fc.assert(property, { numRuns: 40 });
  assert.throws(() => [...kFold(squares(3), { folds: 4, seed: 0 })], { name: "OptionError" });
});

Deno.test("splitDataset() in the stored order holds the end back, behind a gap", () => {
  const { train, test } = splitDataset(squares(20), { testShare: 0.25, order: "stored", gap: 3 });
  assert.deepEqual([...train.targets].at(-1), 110);
  assert.deepEqual([...test.targets], [150, 160, 170, 180, 190]);
  assert.throws(() => splitDataset(squares(4), { testShare: 0.5, order: "stored", gap: 3 }), {
    message: /expected at least 5 examples to split, received 4$/,
  });
});

Deno.test("standardized() makes mean 0 and deviation 1 of what is learned from, however far off", () => {
  const property = fc.property(
    fc.integer({ min: 3, max: 40 }),
    fc.double({ min: -1e9, max: 1e9, noNaN: true }),
    fc.double({ min: 1e-2, max: 1e6, noNaN: true }),
    (count, offset, scale) => {
      const column = Array.from({ length: count }, (_, i) => offset + scale * i);
      const data = table({ inputs: column.map((x) => [x, 5]), targets: column });
      const { train, standardization } = standardized(
        splitDataset(data, { testShare: 0.3, seed: 1 }),
      );
      const [batch] = batches(train, { size: count });
      const n = batch.examples;
      const moment = (values: ArrayLike<number>, step: number, power: number) =>
        Array.from({ length: n }, (_, i) => values[i * step] ** power).reduce((a, b) => a + b) / n;
      // Rounding of the column itself, in units of its deviation, and of float32 numbers.
      const spread = standardization.targets!.deviation[0];
      const error = n * (2 ** -24 + 4 * 2 ** -52 * (Math.abs(offset) + scale * count) / spread);
      if (n > 1) {
        for (const [values, step] of [[batch.inputs, 2], [batch.targets, 1]] as const) {
          assert(Math.abs(moment(values, step, 1)) <= error);
          assert(Math.abs(moment(values, step, 2) - 1) <= 4 * error);
        }
      }
      assert(batch.inputs.every((value, i) => i % 2 === 0 || value === 0), "a constant column");
      const back = denormalizeNumbers(batch.targets, standardization.targets!);
      back.forEach((value, i) => {
        assert(Math.abs(value - train.targets[i]) <= error * spread);
      });
    },
  );
  fc.assert(property, { numRuns: 50 });
});

Deno.test("standardized() never looks at the part held back, and is JSON", () => {
  const train = squares(10);
  const one = standardized({ train, test: squares(3) });
  const other = standardized({ train, test: squares(200) });
  assert.deepEqual(one.standardization, other.standardization);
  const kept = JSON.parse(JSON.stringify(one.standardization));
  assert.deepEqual(standardizedBy(train, kept), one.train);
  const [batch] = batches(one.test, { size: 3 });
  assert.deepEqual(normalizeNumbers(one.test.inputs, kept.inputs), batch.inputs);
});

Deno.test("standardized() puts the mean in the place of what is missing, and leaves places alone", () => {
  const data = table({
    inputs: { a: [1, null, 5, 3], town: ["x", "y", "z", "x"] },
    targets: [1, 2, 3, 4],
    missing: "mean",
    categories: { town: "index" },
  });
  const { train, standardization } = standardized({ train: data, test: data });
  assert.deepEqual(standardization.inputs.mean, [3, 0]);
  const [{ inputs }] = batches(train, { size: 4 });
  assert.deepEqual([inputs[2], inputs[1], inputs[3], inputs[5]], [0, 0, 1, 2]);
});

Deno.test("standardizedBy() rejects what was fitted to another table", () => {
  const { standardization } = standardized({ train: squares(5), test: squares(5) });
  const other = table({ inputs: [1, 2], targets: [1, 2] });
  assert.throws(() => standardizedBy(other, standardization), {
    name: "DataError",
    message: /expected 1 finite means and deviations > 0 to normalize by, received \[2, 6\]/,
  });
  assert.throws(() => denormalizeNumbers([1, 2, 3], { mean: [0, 0], deviation: [1, 1] }), {
    message: /expected rows of 2 numbers, received 3 in all/,
  });
});

Deno.test("windows() shows the past and asks for what follows it", () => {
  const property = fc.property(
    fc.record({
      moments: fc.integer({ min: 2, max: 40 }),
      channels: fc.integer({ min: 1, max: 3 }),
      length: fc.integer({ min: 1, max: 8 }),
      horizon: fc.integer({ min: 1, max: 4 }),
      stride: fc.integer({ min: 1, max: 5 }),
    }),
    ({ moments, channels, length, horizon, stride }) => {
      const value = (t: number, c: number) => 10 * t + c;
      const series = Array.from(
        { length: moments },
        (_, t) => Array.from({ length: channels }, (_, c) => value(t, c)),
      );
      if (moments < length + horizon) {
        assert.throws(() => windows(series, { length, horizon, stride }), {
          name: "DataError",
          message: new RegExp(`at least ${length + horizon} moments .* received ${moments}$`),
        });
        return;
      }
      const data = windows(series, { length, horizon, stride, targets: [channels - 1] });
      const count = examplesIn(data);
      assert.deepEqual(data.shape, [1, length, channels]);
      assert((count - 1) * stride + length + horizon <= moments);
      assert(count * stride + length + horizon > moments);
      for (let w = 0; w < count; w++) {
        const from = w * stride;
        for (let t = 0; t < length; t++) {
          const place = (w * length + t) * channels;
          assert.deepEqual([...data.inputs.subarray(place, place + channels)], series[from + t]);
        }
        for (let t = 0; t < horizon; t++) {
          assert.equal(data.targets[w * horizon + t], value(from + length + t, channels - 1));
        }
      }
    },
  );
  fc.assert(property, { numRuns: 100 });
});

Deno.test("windows() takes columns by name and refuses what is missing", () => {
  const series = { wind: [1, 2, 3, 4], power: [5, 6, 7, 8] };
  const data = windows(series, { length: 2, targets: ["power"] });
  assert.deepEqual([[...data.targets], data.features], [[7, 8], ["wind", "power"]]);
  assert.throws(() => windows(series, { length: 2, targets: ["pwer"] }), {
    name: "OptionError",
    message: /must be among the channels \('wind', 'power'\): received 'pwer'/,
  });
  assert.throws(() => windows([1, NaN, 3], { length: 1 }), { message: /row 1, column 0/ });
});
