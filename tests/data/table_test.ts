import assert from "#assert";
import fc from "#fast-check";
import { batches, encodeColumns, table, type TableOptions } from "@tekfac/tekfac/data";

const numbers = fc.double({ noNaN: true, noDefaultInfinity: true });

/** Rows of 1 to 5 numbers with 1 to 3 targets each. */
const rows = fc.tuple(
  fc.integer({ min: 1, max: 20 }),
  fc.integer({ min: 1, max: 5 }),
  fc.integer({ min: 1, max: 3 }),
).chain(([count, width, goals]) =>
  fc.record({
    inputs: fc.array(fc.array(numbers, { minLength: width, maxLength: width }), {
      minLength: count,
      maxLength: count,
    }),
    targets: fc.array(fc.array(numbers, { minLength: goals, maxLength: goals }), {
      minLength: count,
      maxLength: count,
    }),
  })
);

Deno.test("table() reads the same data from rows, flat arrays, typed arrays and columns", () => {
  const property = fc.property(rows, ({ inputs, targets }) => {
    const expected = table({ inputs, targets });
    const column = (values: number[][]) =>
      Object.fromEntries(values[0].map((_, c) => [`c${c}`, values.map((row) => row[c])]));
    const shape = [inputs[0].length] as const;
    const others: TableOptions[] = [
      { inputs: inputs.flat(), targets: targets.flat(), shape },
      {
        inputs: Float64Array.from(inputs.flat()),
        targets: Float64Array.from(targets.flat()),
        shape,
      },
      { inputs: inputs.map((row) => Float64Array.from(row)), targets },
      { inputs: column(inputs), targets: column(targets) },
    ];
    for (const options of others) {
      const { inputs, targets, shape } = table(options);
      assert.deepEqual({ inputs, targets, shape }, {
        inputs: expected.inputs,
        targets: expected.targets,
        shape: expected.shape,
      });
    }
    assert.deepEqual([...expected.inputs], inputs.flat());
  });
  fc.assert(property, { numRuns: 50 });
});

Deno.test("table() knows series and images by how deep arrays are nested", () => {
  const flat = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
  const series = [[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]];
  const cases: [TableOptions["inputs"], readonly number[]][] = [
    [flat, [1]],
    [series, [1, 3, 2]],
    [[[[[1], [2]]], [[[3], [4]]]], [1, 2, 1]],
  ];
  for (const [inputs, shape] of cases) {
    const targets = new Float32Array((inputs as number[]).length);
    assert.deepEqual(table({ inputs, targets }).shape, shape);
  }
  const images = table({ inputs: flat, shape: [2, 3, 1], targets: [0, 1], classes: 2 });
  assert.deepEqual([images.shape, images.classes, images.targets], [
    [2, 3, 1],
    2,
    Uint8Array.of(0, 1),
  ]);
});

Deno.test("table() takes as many classes as labels of 16 bits tell apart", () => {
  const data = table({ inputs: [1, 2], targets: [0, 65_535], classes: 65_536 });
  assert.deepEqual(data.targets, Uint16Array.of(0, 65_535));
  const [batch] = batches(data, { size: 2, shuffle: { seed: 1, epoch: 0 } });
  assert.deepEqual([...batch.targets].sort(), [0, 65_535]);
});

Deno.test("table() makes categories one-hot or places in a list", () => {
  const inputs = { age: [30, 40, 50], town: ["Ulm", "Bonn", "Ulm"], class: [3, 1, 3] };
  const categories = { class: "index" } as const;
  const data = table({ inputs, targets: { bought: ["yes", "no", "no"] }, categories });
  assert.deepEqual(data.features, ["age", "town=Bonn", "town=Ulm", "class"]);
  assert.deepEqual([...data.inputs], [30, 0, 1, 1, /**/ 40, 1, 0, 0, /**/ 50, 0, 1, 1]);
  assert.deepEqual([[...data.targets], data.classes], [[1, 0, 0], 2]);
  assert.deepEqual(data.encoding.targets, [
    { name: "bought", kind: "index", categories: ["no", "yes"] },
  ]);
  const kept = JSON.parse(JSON.stringify(data.encoding));
  const later = table({ inputs, targets: { bought: ["no", "no", "no"] }, encoding: kept });
  assert.deepEqual([later.inputs, later.classes], [data.inputs, 2]);
  assert.deepEqual(encodeColumns(inputs, kept.inputs), data.inputs);
});

Deno.test("table() refuses, drops or keeps rows with missing numbers", () => {
  const inputs = { a: [1, null, 3, 4], b: ["1", "2", "NA", "4"], c: ["x", "y", "x", ""] };
  const options = { inputs, targets: { t: [1, 2, 3, 4] } };
  assert.throws(() => table(options), {
    name: "DataError",
    message: "Cannot read 'table': expected a number in row 1, column 'a', received none " +
      "(see the option 'missing')",
  });
  const dropped = table({ ...options, missing: "drop" });
  assert.deepEqual([[...dropped.inputs], [...dropped.targets]], [[1, 1, 1, 0], [1]]);
  const kept = table({ ...options, missing: "mean" });
  assert.deepEqual([...kept.inputs.subarray(4, 8)], [NaN, 2, 0, 1]);
  assert.deepEqual([...kept.inputs.subarray(12)], [4, 4, NaN, NaN]);
  assert.throws(() => table({ ...options, missing: "mean", categories: { c: "index" } }), {
    message: /row 3, column 'c', received none/,
  });
  assert.throws(() => table({ ...options, targets: { t: [1, 2, NaN, 4] }, missing: "mean" }), {
    message: /row 2, column 't', received none/,
  });
});

/** What is wrong, the options, the class of the error, and the end of its message. */
const faults: [string, TableOptions, string, RegExp][] = [
  [
    "a row that is too short",
    { inputs: [[1, 2], [3]], targets: [1, 2] },
    "DataError",
    /expected 2 values in row 1 of the inputs, as in row 0, received 1$/,
  ],
  [
    "an infinite number",
    { inputs: [[1, 2], [3, Infinity]], targets: [1, 2] },
    "DataError",
    /expected a finite number in row 1, column 1 of the inputs, received Infinity$/,
  ],
  [
    "a column of another length",
    { inputs: { a: [1, 2], b: [1] }, targets: [1, 2] },
    "DataError",
    /expected 2 rows in column 'b', as in 'a', received 1$/,
  ],
  [
    "text among numbers",
    { inputs: { a: ["1", "2", "zwei", "3"] }, targets: [1, 2, 3, 4] },
    "DataError",
    /expected a number in row 2, column 'a', received 'zwei'$/,
  ],
  [
    "a number among text",
    { inputs: { a: ["x", "y", 3] }, targets: [1, 2, 3] },
    "DataError",
    /expected text \(or the column among 'categories'\) in row 2, column 'a', received 3$/,
  ],
  [
    "too few targets",
    { inputs: [[1], [2], [3]], targets: [1, 2] },
    "DataError",
    /expected targets for 3 rows, received 2$/,
  ],
  [
    "flat rows without a shape",
    { inputs: [1, 2, 3, 4], targets: [1, 2] },
    "DataError",
    /expected targets for 4 rows, received 2 \(rows in a flat array need the option 'shape'\)$/,
  ],
  [
    "a label beyond the classes",
    { inputs: [1, 2], targets: [0, 2], classes: 2 },
    "DataError",
    /expected labels in \[0, 1\], received 2 for row 1$/,
  ],
  [
    "a label that is no integer",
    { inputs: [1, 2], targets: [0, 0.5], classes: 2 },
    "DataError",
    /expected labels in \[0, 1\], received 0.5 for row 1$/,
  ],
  [
    "no rows",
    { inputs: [], targets: [] },
    "DataError",
    /expected at least one row, received none$/,
  ],
  [
    "a category column that is not there",
    { inputs: { town: ["a"] }, targets: [1], categories: { twon: "index" } },
    "OptionError",
    /'categories' must be one of 'town' \(did you mean 'town'\?\): received 'twon'$/,
  ],
  [
    "an unknown option",
    { inputs: [1], targets: [1], misssing: "drop" } as TableOptions,
    "OptionError",
    /did you mean 'missing'\?/,
  ],
];

for (const [fault, options, name, message] of faults) {
  Deno.test(`table() rejects ${fault}`, () => {
    assert.throws(() => table(options), { name, message });
  });
}
