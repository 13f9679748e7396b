import assert from "#assert";
import fc from "#fast-check";
import {
  createDataset,
  examplesIn,
  type ImageDataset,
  splitDataset,
  subset,
} from "@tekfac/tekfac/data";

/** `count` images of one pixel; image i is i / count bright and labelled i modulo 10. */
function small(count: number): ImageDataset {
  return createDataset({
    images: Float32Array.from({ length: count }, (_, i) => i / count),
    labels: Uint8Array.from({ length: count }, (_, i) => i % 10),
    shape: [1, 1, 1],
    classes: 10,
    source: "small",
  });
}

Deno.test("createDataset() rejects fields that do not belong together", () => {
  const fields = { ...small(2), shape: [1, 1, 1] as const };
  const cases: [Partial<ImageDataset>, RegExp][] = [
    [
      { images: new Float32Array(0), labels: new Uint8Array(0) },
      /^Cannot read 'small': expected at least one image, received none$/,
    ],
    [
      { images: new Float32Array(3) },
      /expected 2 pixels for 2 labels and images of 1 x 1 x 1, received 3$/,
    ],
    [{ labels: Uint8Array.of(0, 10) }, /expected labels in \[0, 9\], received 10 for image 1$/],
    [{ images: Float32Array.of(0, NaN) }, /expected pixels in \[0, 1\], received NaN in image 1$/],
    [{ images: Float32Array.of(2, 0) }, /expected pixels in \[0, 1\], received 2 in image 0$/],
  ];
  for (const [change, message] of cases) {
    assert.throws(() => createDataset({ ...fields, ...change }), { name: "DataError", message });
  }
});

Deno.test("subset() copies the chosen examples in the given order", () => {
  const dataset = small(5);
  const chosen = subset(dataset, [4, 0, 4]);
  assert.deepEqual([...chosen.labels], [4, 0, 4]);
  assert.deepEqual([...chosen.images], [dataset.images[4], 0, dataset.images[4]]);
  assert.notEqual(chosen.images.buffer, dataset.images.buffer);
});

Deno.test("subset() rejects an index outside the data set", () => {
  for (const index of [-1, 5, 0.5, NaN]) {
    assert.throws(() => subset(small(5), [index]), {
      name: "OptionError",
      message: /'indices' must be integers in \[0, 4\]: received/,
    });
  }
});

Deno.test("splitDataset() deals every example to exactly one part, alike for equal seeds", () => {
  const property = fc.property(
    fc.integer({ min: 2, max: 300 }),
    fc.double({ min: 0.01, max: 0.99, noNaN: true }),
    fc.integer(),
    (count, testShare, seed) => {
      const { train, test } = splitDataset(small(count), { testShare, seed });
      const expected = Math.min(Math.max(Math.round(count * testShare), 1), count - 1);
      assert.equal(examplesIn(test), expected);
      const all = [...train.images, ...test.images].sort((a, b) => a - b);
      assert.deepEqual(all, [...small(count).images]);
      assert.deepEqual(splitDataset(small(count), { testShare, seed }).test, test);
    },
  );
  fc.assert(property, { numRuns: 50 });
});

Deno.test("splitDataset() rejects shares that leave a part empty", () => {
  for (const testShare of [0, 1, NaN, -1]) {
    assert.throws(() => splitDataset(small(5), { testShare, seed: 0 }), { name: "OptionError" });
  }
  assert.throws(() => splitDataset(small(1), { testShare: 0.5, seed: 0 }), {
    name: "DataError",
    message: /expected at least 2 examples to split, received 1/,
  });
});
