/** Folders of pictures, and limits, through the command that reads them. */
import assert from "#assert";
import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";
import jpeg from "npm:jpeg-js@0.4.4";
import { inDirectory, lastLine, run } from "./_cli.ts";

const SIDE = 4;

/** A PNG of SIDE x SIDE equal pixels (or of another height), from the format's description alone. */
function png(
  pixel: readonly number[],
  { type = 0, depth = 8, height = SIDE, palette = [] as readonly number[] } = {},
): Uint8Array {
  const chunk = (name: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const framed = Buffer.alloc(body.length + 8);
    framed.writeUInt32BE(data.length, 0);
    body.copy(framed, 4);
    framed.writeUInt32BE(crc32(body), body.length + 4);
    return framed;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIDE, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, type], 8);
  const row = [0, ...Array.from({ length: SIDE }, () => pixel).flat()];
  const rows = Uint8Array.from(Array.from({ length: height }, () => row).flat());
  return Buffer.concat([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10),
    chunk("IHDR", header),
    ...(palette.length > 0 ? [chunk("PLTE", Uint8Array.from(palette))] : []),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

function jpg(pixel: readonly number[]): Uint8Array {
  const data = Buffer.from(Array.from({ length: SIDE * SIDE }, () => [...pixel, 255]).flat());
  return jpeg.encode({ width: SIDE, height: SIDE, data }, 100).data;
}

async function write(directory: string, files: Record<string, Uint8Array>): Promise<void> {
  for (const [path, bytes] of Object.entries(files)) {
    await Deno.mkdir(`${directory}/${path}`.replace(/[^/]*$/, ""), { recursive: true });
    await Deno.writeFile(`${directory}/${path}`, bytes);
  }
}

/** Trains for no epoch; what was printed. */
const looked = (directory: string, ...more: string[]) =>
  run("train", directory, "--data", "pets", "--model", "mlp", "--epochs", "0", ...more);

/** Pictures, and the means of their channels as they are printed. */
const kinds: [string, Uint8Array, string][] = [
  ["grey PNG", png([51]), "mean 0.2000 deviation"],
  ["grey PNG of 16 bits", png([51, 7], { depth: 16 }), "mean 0.2000 deviation"],
  ["colour PNG", png([255, 0, 51], { type: 2 }), "mean 1.0000 0.0000 0.2000 deviation"],
  ["PNG with alpha", png([255, 0, 51, 51], { type: 6 }), "mean 0.2000 0.0000 0.0392 deviation"],
  [
    "PNG with a palette",
    png([1], { type: 3, palette: [9, 9, 9, 255, 0, 51] }),
    "1.0000 0.0000 0.2000",
  ],
  ["grey JPEG", jpg([128, 128, 128]), "mean 0.5020 deviation"],
];

Deno.test("train reads folders of pictures of every kind, one for each class", async () => {
  for (const [kind, bytes, mean] of kinds) {
    await inDirectory(async (directory) => {
      const ending = kind.includes("JPEG") ? "jpg" : "PNG";
      const parts = ["train/cat", "train/dog", "test/cat", "test/dog"];
      await write(
        directory,
        Object.fromEntries(parts.map((part) => [`pets/${part}/a.${ending}`, bytes])),
      );
      const { stdout, stderr } = await looked(directory);
      assert.equal(stderr, "", kind);
      assert(stdout.includes("training images 2, test images 2"), stdout);
      assert(stdout.includes(mean), `${kind}: ${stdout}`);
    });
  }
});

Deno.test("train splits folders without parts, and learns to tell their pictures apart", async () => {
  await inDirectory(async (directory) => {
    const files = Object.fromEntries(
      Array.from(
        { length: 20 },
        (_, i) => [`${i % 2 ? "dark" : "light"}/${i}.png`, png([i % 2 ? 20 : 230])],
      ),
    );
    await write(`${directory}/pets`, { ...files, "notes.txt": new Uint8Array(1) });
    const args = ["--data", "pets", "--model", "mlp", "--epochs", "20", "--batch", "8", "--json"];
    const { stdout, stderr } = await run("train", directory, ...args);
    assert.equal(stderr, "");
    assert.equal(lastLine(stdout).testAccuracy, 1);
  });
});

/** What is wrong, the files, and what is said. */
const faults: [string, Record<string, Uint8Array>, RegExp][] = [
  [
    "a picture of another size",
    { "a/1.png": png([1]), "b/1.png": png([1], { height: 5 }) },
    /b\/1\.png': expected a picture of 4 x 4 pixels like the others, received 5 x 4$/m,
  ],
  [
    "a damaged picture",
    { "a/1.png": png([1]).subarray(0, 50) },
    /a\/1\.png': expected a complete PNG/,
  ],
  [
    "no picture at all",
    { "a/1.jpg": new Uint8Array(9) },
    /expected a PNG or JPEG file, received neit/,
  ],
  [
    "other classes in the other part",
    { "train/a/1.png": png([1]), "train/b/1.png": png([1]), "test/a/1.png": png([1]) },
    /pets\/test': expected the classes of 'pets\/train' \(a, b\), received a$/m,
  ],
];

Deno.test("train says which picture cannot be used", async () => {
  for (const [fault, files, message] of faults) {
    await inDirectory(async (directory) => {
      await write(`${directory}/pets`, files);
      const { code, stderr } = await looked(directory);
      assert.match(stderr, message, fault);
      assert.notEqual(code, 0);
    });
  }
});

Deno.test("train learns from at most --limit images, and goes on with as many", async () => {
  await inDirectory(async (directory) => {
    const args = [
      "--data",
      "data",
      "--model",
      "mlp",
      "--epochs",
      "1",
      "--batch",
      "16",
      "--limit",
      "10",
    ];
    const first = await run("train", directory, ...args, "--save", "saved");
    assert.equal(first.stderr, "");
    assert.match(first.stdout, /training images 10, test images 12/);
    const further = await run("train", directory, "--load", "saved", "--epochs", "2");
    assert.match(further.stdout, /training images 10, test images 12/);
    const all = await run("train", directory, ...args, "--limit", "1000");
    assert.match(all.stdout, /training images 48, test images 12/);
  });
});
