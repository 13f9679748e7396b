import assert from "#assert";
import fc from "#fast-check";
import { type Dataset, readSvhn } from "@tekfac/tekfac/data";
import {
  array,
  compressed,
  element,
  expectedImage,
  file,
  join,
  mat,
  svhn,
  svhnImages,
} from "./_files.ts";

const labels = [1, 10, 7, 3, 9];
const X = array("X", 9, [32, 32, 3, 5], element(2, svhnImages(5)));
const y = array("y", 9, [5, 1], element(2, Uint8Array.from(labels)));
/** The same labels as doubles, the way MATLAB computes them. */
const doubles = array("y", 6, [5, 1], element(9, new Uint8Array(Float64Array.from(labels).buffer)));
/** Something that is not a number array: characters. */
const text = array("about", 4, [1, 2], element(4, Uint8Array.of(65, 0, 66, 0)));

function check({ images, labels, shape, classes }: Dataset): void {
  assert.deepEqual([...labels], [1, 0, 7, 3, 9]);
  assert.deepEqual(shape, [32, 32, 3]);
  assert.equal(classes, 10);
  assert.ok(images instanceof Uint8Array);
  for (let n = 0; n < 5; n++) {
    assert.deepEqual([...images.subarray(3072 * n, 3072 * (n + 1))], expectedImage(n));
  }
}

Deno.test("readSvhn() reads plain and compressed arrays in any order and any chunks", async () => {
  const property = fc.asyncProperty(
    fc.boolean(),
    fc.boolean(),
    fc.boolean(),
    fc.boolean(),
    fc.integer({ min: 50, max: 20_000 }),
    async (packed, swapped, wide, more, chunk) => {
      const arrays = [X, wide ? doubles : y];
      if (swapped) arrays.reverse();
      if (more) arrays.splice(1, 0, text);
      const elements = packed ? await Promise.all(arrays.map(compressed)) : arrays;
      check(await readSvhn(file("f.mat", mat(...elements), chunk)));
    },
  );
  await fc.assert(property, { numRuns: 25 });
});

Deno.test("readSvhn() reads a single image, whose last size MATLAB drops", async () => {
  const one = array("X", 9, [32, 32, 3], element(2, svhnImages(1)));
  const mark = array("y", 9, [1, 1], element(2, Uint8Array.of(10)));
  assert.deepEqual([...(await readSvhn(file("f", mat(one, mark)))).labels], [0]);
});

const whole = svhn(labels);
const packed = mat(await compressed(X), await compressed(y));

/** What is wrong, the bytes, and what the message says. */
const faults: [string, Uint8Array, RegExp][] = [
  ["an empty file", new Uint8Array(0), /expected a MATLAB file of version 5 .* received 0 bytes/],
  [
    "a file of version 7.3",
    join(whole.subarray(0, 124), Uint8Array.of(0, 2), whole.subarray(126)),
    /expected a MATLAB file of version 5 in little-endian order \(save it with -v7 or -v6\)/,
  ],
  ["a truncated plain file", whole.subarray(0, 9000), /received \d+, so the file is truncated$/],
  ["a truncated tag", whole.subarray(0, 130), /8 bytes of an element's tag, received 2, so/],
  [
    "a truncated compressed file",
    packed.subarray(0, packed.length - 3),
    /bytes of a compressed array, received \d+, so the file is truncated$/,
  ],
  [
    "damaged compression",
    mat(join(packed.subarray(128, 136), new Uint8Array(packed.length - 136))),
    /expected complete compressed arrays, received one that is truncated or damaged$/,
  ],
  [
    "a file without labels",
    mat(X),
    /arrays X \(images\) and y \(labels\), received none called y$/,
  ],
  ["a file without images", mat(y), /received none called X$/],
  [
    "images of another type",
    mat(array("X", 6, [1, 1, 3, 1], element(9, new Uint8Array(24))), y),
    /expected X to be bytes of height x width x 3 x images, received double of 1 x 1 x 3 x 1$/,
  ],
  [
    "images of another shape",
    mat(array("X", 9, [32, 32, 1, 3], element(2, new Uint8Array(3072))), y),
    /received uint8 of 32 x 32 x 1 x 3$/,
  ],
  [
    "fewer numbers than the sizes say",
    mat(array("X", 9, [32, 32, 3, 5], element(2, svhnImages(4))), y),
    /expected 15360 numbers of array 'X', received 12288 bytes of type 2$/,
  ],
  [
    "fewer labels than images",
    mat(X, array("y", 9, [4, 1], element(2, Uint8Array.of(1, 2, 3, 4)))),
    /expected 5 labels, one for each image, received 4$/,
  ],
  [
    "a label beyond the digits",
    svhn([1, 2, 11]),
    /expected SVHN's labels in \[1, 10\], received 11 for image 2$/,
  ],
  ["a label of zero", svhn([0]), /expected SVHN's labels in \[1, 10\], received 0 for image 0$/],
  [
    "a name that goes on for ever",
    mat(element(14, join(element(6, new Uint8Array(8)), element(5, new Uint8Array(5000))))),
    /expected at most 4096 bytes of array sizes, received 5000$/,
  ],
];

for (const [fault, bytes, message] of faults) {
  Deno.test(`readSvhn() rejects ${fault}`, async () => {
    await assert.rejects(readSvhn(file("f.mat", bytes)), { name: "DataError", message });
  });
}
