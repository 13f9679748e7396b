import assert from "#assert";
import { gzipSync } from "node:zlib";
import { parseIdx } from "@tekfac/tekfac/data";

/** An IDX file: header of `sizes`, then `data` or as many zeros as the sizes ask for. */
function idx(sizes: number[], data?: number[], magic = [0, 0, 8, sizes.length]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 + 4 * sizes.length));
  magic.forEach((byte, i) => view.setUint8(i, byte));
  sizes.forEach((size, i) => view.setUint32(4 + 4 * i, size));
  const body = data ?? new Array(sizes.reduce((a, b) => a * b, 1)).fill(0);
  return Uint8Array.from([...new Uint8Array(view.buffer), ...body]);
}

async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes.slice()]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const TYPES = { Int8: [9, 1], Int16: [11, 2], Int32: [12, 4], Float32: [13, 4], Float64: [14, 8] };

/** An IDX file of numbers of another type than bytes. */
function numbers(sizes: number[], type: keyof typeof TYPES, values: readonly number[]): Uint8Array {
  const [code, size] = TYPES[type];
  const view = new DataView(new ArrayBuffer(values.length * size));
  values.forEach((value, i) => view[`set${type}`](i * size, value));
  return idx(sizes, [...new Uint8Array(view.buffer)], [0, 0, code, sizes.length]);
}

const goodImages = idx([2, 1, 3], [0, 51, 255, 1, 2, 3]);
const goodLabels = idx([2], [7, 9]);

const parse = (images: Uint8Array, labels: Uint8Array) =>
  parseIdx({ name: "I", bytes: images }, { name: "L", bytes: labels });

Deno.test("parseIdx() reads images as bytes and their labels, plain or gzip", async () => {
  for (const pack of [(bytes: Uint8Array) => bytes, gzip]) {
    const dataset = await parse(await pack(goodImages), await pack(goodLabels));
    assert.deepEqual(dataset.shape, [1, 3, 1]);
    assert.deepEqual([...dataset.labels], [7, 9]);
    assert.deepEqual(dataset.images, Uint8Array.of(0, 51, 255, 1, 2, 3));
    assert.equal(dataset.classes, 10);
  }
});

Deno.test("parseIdx() reads bytes that begin inside a larger buffer", async () => {
  const buffer = new Uint8Array(goodImages.length + 3);
  buffer.set(goodImages, 3);
  assert.equal((await parse(buffer.subarray(3), goodLabels)).labels.length, 2);
});

/** What is wrong, the images, the labels, and the whole message. */
const faults: [string, Uint8Array, Uint8Array, string][] = [
  [
    "a short header",
    goodImages.subarray(0, 7),
    goodLabels,
    "Cannot read 'I': expected an IDX file of images with a header of 16 bytes, received 7 bytes in all",
  ],
  [
    "an empty file",
    goodImages,
    new Uint8Array(0),
    "Cannot read 'L': expected an IDX file of labels with a header of 8 bytes, received 0 bytes in all",
  ],
  [
    "another format",
    new TextEncoder().encode("<!DOCTYPE html><html>"),
    goodLabels,
    "Cannot read 'I': expected an IDX file of images, which begins with 00 00 08 03, received " +
    "3c 21 44 4f",
  ],
  [
    "labels in place of images",
    idx([20]),
    goodLabels,
    "Cannot read 'I': expected an IDX file of images, which begins with 00 00 08 03, received " +
    "00 00 08 01 (labels)",
  ],
  [
    "images in place of labels",
    goodImages,
    goodImages,
    "Cannot read 'L': expected an IDX file of labels, which begins with 00 00 08 01, received " +
    "00 00 08 03 (images)",
  ],
  [
    "an unknown number type",
    idx([2, 1, 3], undefined, [0, 0, 0x0a, 3]),
    goodLabels,
    "Cannot read 'I': expected an IDX file of images, which begins with 00 00 08 03, received " +
    "00 00 0a 03 (numbers of an unknown type)",
  ],
  [
    "sizes in the other byte order",
    Uint8Array.from([0, 0, 8, 3, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    goodLabels,
    "Cannot read 'I': expected 2.833419889721787e+22 bytes for images of 33554432 x 16777216 x " +
    "50331648, received 22, so the file is truncated (its sizes are in the wrong byte order: 2 x 1 x 3)",
  ],
  [
    "brightness above 1",
    numbers([2, 1, 1], "Float32", [0.5, 1.5]),
    goodLabels,
    "Cannot read 'I': expected pixels in [0, 1], received 1.5 in image 1",
  ],
  [
    "an integer that is no byte",
    numbers([2, 1, 1], "Int16", [255, 256]),
    goodLabels,
    "Cannot read 'I': expected pixels in [0, 255], received 256 in image 1",
  ],
  [
    "labels of three columns",
    goodImages,
    idx([2, 3]),
    "Cannot read 'L': expected a label for each image, or QMNIST's 8 columns, received 3",
  ],
  [
    "missing bytes",
    goodImages.subarray(0, 20),
    goodLabels,
    "Cannot read 'I': expected 22 bytes for images of 2 x 1 x 3, received 20, so the file is truncated",
  ],
  [
    "bytes after the end",
    goodImages,
    idx([2], [1, 2, 3]),
    "Cannot read 'L': expected 10 bytes for labels of 2, received 11, so the file is too long",
  ],
  [
    "no images",
    idx([0, 28, 28]),
    idx([0]),
    "Cannot read 'I': expected at least one of its images, received 0 x 28 x 28",
  ],
  [
    "another number of labels",
    goodImages,
    idx([3], [1, 2, 3]),
    "Cannot read 'L': expected 2 labels, one for each image, received 3",
  ],
  [
    "a negative label",
    goodImages,
    numbers([2], "Int32", [3, -1]),
    "Cannot read 'L': expected labels in [0, 65535], received -1 for image 1",
  ],
  [
    "a label that is no integer",
    goodImages,
    numbers([2], "Float64", [3, 0.5]),
    "Cannot read 'L': expected labels in [0, 65535], received 0.5 for image 1",
  ],
];

for (const [fault, images, labels, message] of faults) {
  Deno.test(`parseIdx() rejects ${fault} in one sentence`, async () => {
    await assert.rejects(parse(images, labels), { name: "DataError", message });
  });
}

Deno.test("parseIdx() reads labels of every type, of as many classes as there are", async () => {
  for (const type of Object.keys(TYPES) as (keyof typeof TYPES)[]) {
    const { labels, classes } = await parse(goodImages, numbers([2], type, [26, 1]));
    assert.deepEqual([[...labels], classes], [[26, 1], 27], type);
  }
  const many = await parse(goodImages, numbers([2], "Int32", [65_535, 300]));
  assert.deepEqual([[...many.labels], many.classes], [[65_535, 300], 65_536]);
  const told = parseIdx({ name: "I", bytes: goodImages }, { name: "L", bytes: goodLabels }, {
    classes: 47,
  });
  assert.equal((await told).classes, 47);
});

Deno.test("parseIdx() takes QMNIST's first column", async () => {
  const columns = numbers([2, 8], "Int32", [7, ...Array(7).fill(99), 4, ...Array(7).fill(99)]);
  assert.deepEqual([...(await parse(goodImages, columns)).labels], [7, 4]);
});

Deno.test("parseIdx() reads images of every type, and colours", async () => {
  const integers = await parse(numbers([2, 1, 3], "Int32", [0, 51, 255, 1, 2, 3]), goodLabels);
  assert.deepEqual(integers.images, Uint8Array.of(0, 51, 255, 1, 2, 3));
  const real = await parse(numbers([2, 1, 1], "Float64", [0.25, 1]), goodLabels);
  assert.deepEqual(real.images, Float32Array.of(0.25, 1));
  assert.deepEqual((await parse(idx([2, 2, 2, 3]), goodLabels)).shape, [2, 2, 3]);
});

Deno.test("parseIdx() inflates no more than the header promises, and a piece", async () => {
  const bomb = new Uint8Array(300_000_000);
  bomb.set(idx([1, 1, 1]));
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, new Uint8Array(gzipSync(bomb)));
    // In a process of its own: here other tests take memory, too.
    const program = `
      import { parseIdx } from "@tekfac/tekfac/data";
      const bytes = Deno.readFileSync(${JSON.stringify(path)});
      const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 0);
      const before = Deno.memoryUsage().rss;
      await parseIdx({ name: "I", bytes }, { name: "L", bytes: labels })
        .catch(({ name, message }) => console.log(name, message));
      console.log(Deno.memoryUsage().rss - before);
    `;
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-lock", "--config", config, program],
    }).output();
    const [said, growth] = new TextDecoder().decode(stdout).trim().split("\n");
    assert.match(
      said ?? new TextDecoder().decode(stderr),
      /^DataError .*expected 17 bytes for images of 1 x 1 x 1, received more, so the file is too long$/,
    );
    assert(Number(growth) < 64_000_000, growth);
  } finally {
    await Deno.remove(path);
  }
  const greedy = await gzip(idx([0xffff, 0xffff, 0xffff], []));
  await assert.rejects(parse(greedy, goodLabels), {
    name: "DataError",
    message: /compressed ones, so the file is truncated$/,
  });
});

Deno.test("parseIdx() rejects a damaged or truncated gzip file", async () => {
  const whole = await gzip(goodImages);
  const damaged = whole.slice();
  damaged[12] ^= 0xff;
  for (const bytes of [whole.subarray(0, whole.length - 9), damaged]) {
    await assert.rejects(parse(bytes, goodLabels), {
      name: "DataError",
      message:
        "Cannot read 'I': expected a complete gzip file, received one that is truncated or damaged",
    });
  }
});
