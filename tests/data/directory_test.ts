import assert from "#assert";
import { examplesIn, readDirectory } from "@tekfac/tekfac/data";
import { cifar, idx, svhn, withFiles } from "./_files.ts";

/** Small files of CIFAR-10: two images in each. */
const cifar10 = Object.fromEntries(
  [1, 2, 3, 4, 5].map((i) => [`data_batch_${i}.bin`, cifar([[i], [i]])]),
);
const cifar10Whole = { ...cifar10, "test_batch.bin": cifar([[9]]) };
const cifar100 = { "train.bin": cifar([[1, 10], [2, 20]]), "test.bin": cifar([[3, 30]]) };
const streetNumbers = { "train_32x32.mat": svhn([10, 5]), "test_32x32.mat": svhn([3]) };
const mnist = {
  "t10k-images-idx3-ubyte": idx([10, 2, 2], (i) => i),
  "t10k-labels-idx1-ubyte": idx([10], (i) => i),
};

Deno.test("readDirectory() recognises each format by its files", async () => {
  const cases = [
    { files: cifar10Whole, format: "cifar10", labels: [1, 1, 2, 2, 3, 3, 4, 4, 5, 5], test: [9] },
    { files: cifar100, format: "cifar100", labels: [10, 20], test: [30] },
    { files: streetNumbers, format: "svhn", labels: [0, 5], test: [3] },
  ];
  for (const { files, format, labels, test } of cases) {
    await withFiles({ ...files, "readme.html": new Uint8Array(3) }, async (directory) => {
      const found = await readDirectory(directory);
      assert.equal(found.format, format);
      assert.deepEqual([...found.train.labels], labels);
      assert.deepEqual([...found.test.labels], test);
      assert.deepEqual([found.train.source, found.test.source], [directory, directory]);
    });
  }
  await withFiles(mnist, async (directory) => {
    const { format, train, test } = await readDirectory(directory);
    assert.equal(format, "idx");
    assert.deepEqual([examplesIn(train), examplesIn(test)], [8, 2]);
  });
});

Deno.test("readDirectory() takes CIFAR-100's coarse labels where asked, and of nothing else", async () => {
  await withFiles(cifar100, async (directory) => {
    const { train } = await readDirectory(directory, { labels: "coarse" });
    assert.deepEqual([[...train.labels], train.classes], [[1, 2], 20]);
  });
  await withFiles(mnist, async (directory) => {
    await assert.rejects(readDirectory(directory, { labels: "fine" }), {
      name: "OptionError",
      message:
        /'labels' is a choice for CIFAR-100 only, and '.*' holds IDX files: received 'fine'$/,
    });
  });
});

Deno.test("readDirectory() takes as many files of CIFAR-10 as there are", async () => {
  const some = cifar([[2], [2]]);
  await withFiles({ "data_batch_2.bin": some, "test_batch.bin": some }, async (directory) => {
    const { train } = await readDirectory(directory);
    assert.deepEqual([...train.labels], [2, 2]);
  });
});

Deno.test("readDirectory() names the directory below that holds the data", async () => {
  await withFiles({}, async (directory) => {
    await Deno.mkdir(`${directory}/MNIST/raw`, { recursive: true });
    await Deno.writeFile(`${directory}/MNIST/raw/t10k-images-idx3-ubyte`, new Uint8Array(1));
    await assert.rejects(readDirectory(directory), {
      name: "DataError",
      message: /received none of these \(did you mean '.*\/MNIST\/raw'\?\)$/,
    });
  });
});

/** What is wrong, the files, and the end of the message. */
const faults: [string, Record<string, Uint8Array>, RegExp][] = [
  ["an empty directory", {}, /expected a directory with IDX files .*, received none of these$/],
  [
    "two data sets",
    { ...mnist, ...cifar100 },
    /expected a directory with one data set, received files of IDX files and CIFAR-100$/,
  ],
  [
    "CIFAR-10 with nothing to be judged by",
    cifar10,
    /files of CIFAR-10 to learn from and to be judged by, .* without test_batch\.bin$/,
  ],
  [
    "CIFAR-10's files for Python",
    { data_batch_1: new Uint8Array(1) },
    /\(there is data_batch_1; these are CIFAR-10's files for Python: fetch .* unpack it\)$/,
  ],
  [
    "an archive",
    { "cifar-100-binary.tar.gz": new Uint8Array(1) },
    /\(there is cifar-100-binary\.tar\.gz; unpack the archive first\)$/,
  ],
  ["a part of SVHN", { "train_32x32.mat": svhn([1]) }, /SVHN .* without test_32x32\.mat$/],
  [
    "a truncated file",
    { ...cifar100, "test.bin": cifar([[1, 2]]).subarray(1) },
    /test\.bin': expected CIFAR-100 records of 3074 bytes each, received 3073 bytes \(a length of/,
  ],
];

for (const [fault, files, message] of faults) {
  Deno.test(`readDirectory() rejects ${fault}`, async () => {
    await withFiles(files, async (directory) => {
      await assert.rejects(readDirectory(directory), { name: "DataError", message });
    });
  });
}
