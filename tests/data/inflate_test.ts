/** The project's own inflater, through the readers that use it, against the packer of the host. */
import assert from "#assert";
import fc from "#fast-check";
import { constants, deflateSync, gzipSync } from "node:zlib";
import { parseIdx, readSvhn } from "@tekfac/tekfac/data";
import { array, element, file, idx, join, mat } from "./_files.ts";

const STRATEGIES = [
  constants.Z_DEFAULT_STRATEGY,
  constants.Z_FILTERED,
  constants.Z_HUFFMAN_ONLY,
  constants.Z_RLE,
  constants.Z_FIXED,
];

/** Bytes of all kinds: noise, runs, repetitions from far behind. */
const contents = fc.tuple(
  fc.array(
    fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.integer({ min: 1, max: 400 })),
    {
      minLength: 1,
      maxLength: 6,
    },
  ),
  fc.boolean(),
).map(([parts, far]) => {
  const once = join(...parts.flatMap(([bytes, times]) => Array<Uint8Array>(times).fill(bytes)));
  return far ? join(once, noise(32_768), once) : once;
});

function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = Math.imul(state, 1103515245) + 12345) >>> 16);
}

const packings = fc.record({
  level: fc.integer({ min: 0, max: 9 }),
  strategy: fc.constantFrom(...STRATEGIES),
  windowBits: fc.integer({ min: 9, max: 15 }),
  memLevel: fc.integer({ min: 1, max: 9 }),
});

Deno.test("parseIdx() reads what zlib packs, in any number of members, with zeros behind them", async () => {
  const property = fc.asyncProperty(
    contents,
    packings,
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc
      .integer({ min: 0, max: 600 }),
    async (bytes, packing, share, zeros) => {
      const plain = idx([1, 1, bytes.length], (i) => bytes[i]);
      const middle = Math.floor(share * plain.length);
      const packed = join(
        gzipSync(plain.subarray(0, middle), packing),
        gzipSync(plain.subarray(middle), packing),
        new Uint8Array(zeros),
      );
      const { images } = await parseIdx(
        { name: "images", bytes: packed },
        { name: "labels", bytes: idx([1], () => 0) },
      );
      assert.deepEqual(images, Uint8Array.from(bytes));
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

Deno.test("readSvhn() reads what zlib packs, in any chunks", async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 40 }),
    packings,
    fc.integer({ min: 1, max: 3000 }),
    async (width, packing, chunk) => {
      const pixels = noise(3 * width * width).map((byte, i) => i % 7 < 4 ? byte : 9);
      const wrap = (content: Uint8Array) => {
        const packed = deflateSync(content, packing);
        return join(new Uint8Array(Uint32Array.of(15, packed.length).buffer), packed);
      };
      const bytes = mat(
        wrap(array("X", 9, [width, width, 3, 1], element(2, pixels))),
        wrap(array("y", 9, [1, 1], element(2, Uint8Array.of(4)))),
      );
      const { images } = await readSvhn(file("f.mat", bytes, chunk));
      const at = (y: number, x: number, c: number) => pixels[y + width * (x + width * c)];
      images.forEach((value, i) => {
        const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
        assert.equal(value, at(y, x, c));
      });
    },
  );
  await fc.assert(property, { numRuns: 40 });
});

Deno.test("parseIdx() never takes another content for the one that was packed", async () => {
  const plain = idx([1, 20, 30], (i) => (i * i) % 251);
  const labels = { name: "labels", bytes: idx([1], () => 0) };
  const packed = new Uint8Array(gzipSync(plain));
  let refused = 0;
  for (let bit = 0; bit < 8 * packed.length; bit += 3) {
    const bytes = packed.slice();
    bytes[bit >> 3] ^= 1 << (bit & 7);
    try {
      const { images } = await parseIdx({ name: "images", bytes }, labels);
      assert.deepEqual(images, plain.subarray(16)); // a bit of the header that means nothing
    } catch (error) {
      assert.equal((error as Error).name, "DataError");
      refused++;
    }
  }
  assert(refused > 2 * packed.length);
  for (let length = 0; length < packed.length; length++) {
    const cut = { name: "images", bytes: packed.subarray(0, length) };
    await assert.rejects(parseIdx(cut, labels), { name: "DataError" });
  }
});

Deno.test("parseIdx() reads a gzip header with all its fields", async () => {
  const plain = idx([1, 1, 3], (i) => i);
  const packed = new Uint8Array(gzipSync(plain));
  const header = packed.slice(0, 10);
  header[3] = 4 + 8 + 16 + 2;
  const fields = [3, 0, 1, 2, 3, /* a name */ 65, 0, /* a comment */ 66, 67, 0, /* its sum */ 1, 2];
  const bytes = join(header, Uint8Array.from(fields), packed.subarray(10));
  const { images } = await parseIdx({ name: "i", bytes }, { name: "l", bytes: idx([1], () => 1) });
  assert.deepEqual(images, Uint8Array.of(0, 1, 2));
});
