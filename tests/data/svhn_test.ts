import assert from "#assert";
import fc from "#fast-check";
import { type ImageDataset, readSvhn } from "@tekfac/tekfac/data";
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
/** The same labels the way SciPy writes NumPy's default integers: class int64, as a row. */
const int64 = array(
  "y",
  14,
  [1, 5],
  element(12, new Uint8Array(BigInt64Array.from(labels, BigInt).buffer)),
);
const unsigned64 = array(
  "y",
  15,
  [5, 1],
  element(13, new Uint8Array(BigUint64Array.from(labels, BigInt).buffer)),
);
/** Something that is not a number array: characters. */
const text = array("about", 4, [1, 2], element(4, Uint8Array.of(65, 0, 66, 0)));

function check({ images, labels, shape, classes }: ImageDataset): void {
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
    fc.constantFrom(y, doubles, int64, unsigned64),
    fc.boolean(),
    fc.integer({ min: 50, max: 20_000 }),
    async (packed, swapped, marks, more, chunk) => {
      const arrays = [X, marks];
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

/** An element's tag without its content. */
function promised(type: number, size: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(type, size).buffer);
}

/** A compressed element whose stream lacks its last bytes, and whose tag says so. */
async function cut(content: Uint8Array, count: number): Promise<Uint8Array> {
  const element = await compressed(content);
  const short = element.slice(0, element.length - count);
  new DataView(short.buffer).setUint32(4, short.length - 8, true);
  return short;
}

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
  [
    "a truncated plain file",
    whole.subarray(0, 9000),
    /received a file of \d+, so the file is truncated$/,
  ],
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
    "negative sizes",
    mat(array("X", 9, [-32, -32, 3, 5], element(2, svhnImages(5))), y),
    /sizes of array 'X' that are positive integers, received -32 x -32 x 3 x 5$/,
  ],
  ["an array twice", mat(X, X, y), /expected one array 'X', received several$/],
  [
    "complex labels",
    mat(X, y.map((byte, i) => i === 17 ? 8 : byte)),
    /expected real numbers in array 'y', received complex ones$/,
  ],
  [
    "a promise that the file cannot hold",
    mat(array("y", 6, [500_000_000, 1], promised(9, 4_000_000_000))),
    /expected 500000000 numbers of array 'y', received 4000000000 bytes of type 9 in a file that/,
  ],
  [
    "compressed numbers that go on behind their end",
    mat(await compressed(join(X, new Uint8Array(100_000)))),
    /expected a compressed array to end behind its numbers$/,
  ],
  [
    "a compressed array without its checksum",
    mat(await cut(X, 4), await compressed(y)),
    /expected complete compressed arrays, received one that is truncated or damaged$/,
  ],
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
