import assert from "#assert";
import { examplesIn, readIdxDirectory } from "@tekfac/tekfac/data";
import { idx as idxFile, withFiles } from "./_files.ts";

/** IDX bytes of `count` images of 1 x 2 pixels (image i holds i and 0), or of labels i modulo 10. */
function idx(noun: "images" | "labels", count: number): Uint8Array {
  return noun === "images"
    ? idxFile([count, 1, 2], (i) => i % 2 === 0 ? i / 2 : 0)
    : idxFile([count], (i) => i % 10);
}

Deno.test("readIdxDirectory() splits a lone test set four to one, always alike", async () => {
  const files = {
    "t10k-images-idx3-ubyte": idx("images", 50),
    "t10k-labels-idx1-ubyte": idx("labels", 50),
  };
  await withFiles(files, async (directory) => {
    const { train, test } = await readIdxDirectory(directory);
    assert.equal(examplesIn(train), 40);
    assert.equal(examplesIn(test), 10);
    const all = [train, test].flatMap(({ images }) => [...images].filter((_, i) => i % 2 === 0));
    assert.deepEqual(all.sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i));
    for (const part of [train, test]) {
      part.labels.forEach((label, i) => assert.equal(label, part.images[2 * i] % 10));
    }
    assert.deepEqual((await readIdxDirectory(`${directory}/`)).test.labels, test.labels);
  });
});

Deno.test("readIdxDirectory() takes the four files as they are, in both spellings", async () => {
  const files = {
    "train-images.idx3-ubyte": idx("images", 6),
    "train-labels-idx1-ubyte": idx("labels", 6),
    "t10k-images-idx3-ubyte": idx("images", 4),
    "t10k-labels.idx1-ubyte": idx("labels", 4),
  };
  await withFiles(files, async (directory) => {
    const { train, test } = await readIdxDirectory(directory);
    assert.deepEqual([...train.labels], [0, 1, 2, 3, 4, 5]);
    assert.deepEqual([...test.labels], [0, 1, 2, 3]);
    assert.equal(train.source, directory);
  });
});

Deno.test("readIdxDirectory() takes the names of EMNIST and QMNIST, and counts classes over both parts", async () => {
  for (const [name, ending] of [["emnist-letters", "idx1-ubyte"], ["qmnist", "idx2-int"]]) {
    const files = {
      [`${name}-train-images-idx3-ubyte`]: idx("images", 6),
      [`${name}-train-labels-${ending}`]: idx("labels", 6),
      [`${name}-test-images-idx3-ubyte`]: idx("images", 20),
      [`${name}-test-labels-${ending}`]: idxFile([20], (i) => i),
    };
    await withFiles(files, async (directory) => {
      const { train, test } = await readIdxDirectory(directory);
      assert.deepEqual([train.classes, test.classes], [20, 20]);
      assert.deepEqual([...test.labels], Array.from({ length: 20 }, (_, i) => i));
    });
  }
});

/** What is wrong, the files, and the end of the message. */
const faults: [string, Record<string, Uint8Array>, RegExp][] = [
  ["an empty directory", {}, /expected t10k-images-idx3-ubyte and .* received neither$/],
  [
    "training files alone",
    {
      "train-images-idx3-ubyte": idx("images", 2),
      "train-labels-idx1-ubyte": idx("labels", 2),
    },
    /received the train files alone$/,
  ],
  [
    "images without labels",
    { "t10k-images-idx3-ubyte": idx("images", 2) },
    /expected t10k-labels-idx1-ubyte \(plain or \.gz\) beside t10k-images-idx3-ubyte, received no/,
  ],
  [
    "several data sets",
    {
      "emnist-letters-test-images-idx3-ubyte": idx("images", 2),
      "emnist-digits-test-images-idx3-ubyte": idx("images", 2),
    },
    /of one data set, received those of several: emnist-digits, emnist-letters$/,
  ],
  [
    "labels without images",
    { "t10k-labels-idx1-ubyte": idx("labels", 2) },
    /expected t10k-images-idx3-ubyte \(plain or \.gz\) beside t10k-labels-idx1-ubyte, received no/,
  ],
];

for (const [fault, files, message] of faults) {
  Deno.test(`readIdxDirectory() rejects ${fault}`, async () => {
    await withFiles(files, async (directory) => {
      await assert.rejects(readIdxDirectory(directory), { name: "DataError", message });
    });
  });
}

Deno.test("readIdxDirectory() says what is there instead of a directory", async () => {
  await withFiles({ file: new Uint8Array(1) }, async (directory) => {
    await assert.rejects(readIdxDirectory(`${directory}/none`), {
      name: "DataError",
      message: /expected a directory with IDX files, received nothing under this name$/,
    });
    await assert.rejects(readIdxDirectory(`${directory}/file`), {
      name: "DataError",
      message: /expected a directory with IDX files, received a file$/,
    });
  });
});
