import assert from "#assert";
import fc from "#fast-check";
import { readCifar } from "@tekfac/tekfac/data";
import { cifar, expectedImage, file } from "./_files.ts";

Deno.test("readCifar() reads the records of all files in order, whatever chunks they come in", async () => {
  const property = fc.asyncProperty(
    fc.array(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 3,
    }),
    fc.integer({ min: 1, max: 9000 }),
    async (parts, chunk) => {
      let first = 0;
      const files = parts.map((labels, i) => {
        const bytes = cifar(labels.map((label) => [label]), first);
        first += labels.length;
        return file(`part ${i}`, bytes, chunk);
      });
      const { images, labels, shape, classes } = await readCifar(files, "cifar10");
      assert.deepEqual([...labels], parts.flat());
      assert.deepEqual(shape, [32, 32, 3]);
      assert.equal(classes, 10);
      assert.ok(images instanceof Uint8Array);
      for (let n = 0; n < first; n++) {
        assert.deepEqual([...images.subarray(3072 * n, 3072 * (n + 1))], expectedImage(n));
      }
    },
  );
  await fc.assert(property, { numRuns: 20 });
});

Deno.test("readCifar() takes the fine or the coarse labels of CIFAR-100", async () => {
  const files = [file("train.bin", cifar([[3, 99], [19, 0]]))];
  const fine = await readCifar(files, "fine");
  assert.deepEqual([[...fine.labels], fine.classes], [[99, 0], 100]);
  const coarse = await readCifar(files, "coarse");
  assert.deepEqual([[...coarse.labels], coarse.classes], [[3, 19], 20]);
  assert.deepEqual([...fine.images.subarray(3072)], expectedImage(1));
});

Deno.test("readCifar() takes a browser's files as they are", async () => {
  const files = [new File([cifar([[1], [2]]).slice()], "data_batch_1.bin")];
  const { labels, source } = await readCifar(files, "cifar10");
  assert.deepEqual([[...labels], source], [[1, 2], "data_batch_1.bin"]);
});

Deno.test("readCifar() reads more records than fit into one piece", async () => {
  const labels = Array.from({ length: 130 }, (_, i) => [i % 10]);
  const dataset = await readCifar([file("f", cifar(labels), 1 << 16)], "cifar10");
  assert.deepEqual([...dataset.labels], labels.flat());
  assert.deepEqual([...dataset.images.subarray(3072 * 129)], expectedImage(129));
});

/** What is wrong, the bytes, the kind of labels, and the whole message. */
const faults: [string, Uint8Array, "cifar10" | "fine" | "coarse", string][] = [
  [
    "a truncated file",
    cifar([[1], [2]]).subarray(0, 6000),
    "cifar10",
    "expected CIFAR-10 records of 3073 bytes each, received 6000 bytes, so the file is truncated " +
    "or of another format",
  ],
  [
    "an empty file",
    new Uint8Array(0),
    "fine",
    "expected CIFAR-100 records of 3074 bytes each, received 0 bytes",
  ],
  [
    "records of the other data set",
    cifar([[1, 2]]),
    "cifar10",
    "expected CIFAR-10 records of 3073 bytes each, received 3074 bytes (a length of CIFAR-100)",
  ],
  [
    "a label beyond the classes",
    cifar([[1], [10]]),
    "cifar10",
    "expected CIFAR-10 labels in [0, 9], received 10 for image 1",
  ],
  [
    "a coarse label beyond the superclasses",
    cifar([[20, 3]]),
    "coarse",
    "expected CIFAR-100 labels in [0, 19], received 20 for image 0",
  ],
];

for (const [fault, bytes, labels, message] of faults) {
  Deno.test(`readCifar() rejects ${fault}`, async () => {
    await assert.rejects(readCifar([file("f.bin", bytes)], labels), {
      name: "DataError",
      message: `Cannot read 'f.bin': ${message}`,
    });
  });
}

Deno.test("readCifar() notices a file that ends before its size says", async () => {
  const whole = file("f.bin", cifar([[1], [2]]));
  const cut = { ...whole, stream: file("", cifar([[1]])).stream };
  await assert.rejects(readCifar([cut], "cifar10"), {
    name: "DataError",
    message: /expected 6146 bytes of CIFAR-10 records, received 3073, so the file is truncated$/,
  });
});
