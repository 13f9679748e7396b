import assert from "#assert";
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
    "another number type",
    idx([2, 1, 3], undefined, [0, 0, 0x0d, 3]),
    goodLabels,
    "Cannot read 'I': expected an IDX file of images, which begins with 00 00 08 03, received " +
    "00 00 0d 03 (numbers of another type than unsigned bytes)",
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
    "a label above 9",
    goodImages,
    idx([2], [3, 10]),
    "Cannot read 'L': expected labels in [0, 9], received 10 for image 1",
  ],
];

for (const [fault, images, labels, message] of faults) {
  Deno.test(`parseIdx() rejects ${fault} in one sentence`, async () => {
    await assert.rejects(parse(images, labels), { name: "DataError", message });
  });
}

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
