/** Small files of every format, written from the formats' descriptions alone. */

import type { NamedFile } from "@tekfac/tekfac/data";

/** Bytes of 32 x 32 colour images: what lies at a row, a column and a channel of image n. */
export const pixel = (n: number, y: number, x: number, c: number): number =>
  (37 * n + 7 * y + 3 * x + 101 * c) % 256;

/** One image channels-last, as a data set keeps it. */
export function expectedImage(n: number): number[] {
  const out: number[] = [];
  for (let y = 0; y < 32; y++) {
    for (let x = 0; x < 32; x++) for (let c = 0; c < 3; c++) out.push(pixel(n, y, x, c));
  }
  return out;
}

/** CIFAR records of the images `first`, `first + 1`, ... with the given label bytes. */
export function cifar(labels: readonly number[][], first = 0): Uint8Array {
  const records = labels.map((marks, i) => {
    const planes: number[] = [];
    for (let c = 0; c < 3; c++) {
      for (let y = 0; y < 32; y++) {
        for (let x = 0; x < 32; x++) planes.push(pixel(first + i, y, x, c));
      }
    }
    return [...marks, ...planes];
  });
  return Uint8Array.from(records.flat());
}

/** The numbers of SVHN's X for `count` images: the first of row, column, channel, image runs fastest. */
export function svhnImages(count: number): Uint8Array {
  const out = new Uint8Array(count * 3072);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < 3; c++) {
      for (let x = 0; x < 32; x++) {
        for (let y = 0; y < 32; y++) out[y + 32 * (x + 32 * (c + 3 * n))] = pixel(n, y, x, c);
      }
    }
  }
  return out;
}

/** An element of a MAT file: tag, content, padding; short content inside the tag. */
export function element(type: number, content: Uint8Array): Uint8Array {
  if (content.length <= 4 && content.length > 0) {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, type, true);
    view.setUint16(2, content.length, true);
    bytes.set(content, 4);
    return bytes;
  }
  const bytes = new Uint8Array(8 + 8 * Math.ceil(content.length / 8));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, content.length, true);
  bytes.set(content, 8);
  return bytes;
}

/** A numeric array: its class in MATLAB, its sizes, and its numbers as an element. */
export function array(
  name: string,
  kind: number,
  sizes: readonly number[],
  numbers: Uint8Array,
): Uint8Array {
  const flags = new Uint8Array(8);
  flags[0] = kind;
  const int32 = new Uint8Array(Int32Array.from(sizes).buffer);
  return element(
    14,
    join(element(6, flags), element(5, int32), element(1, new TextEncoder().encode(name)), numbers),
  );
}

/** A whole file. */
export function mat(...elements: readonly Uint8Array[]): Uint8Array {
  const header = new Uint8Array(128).fill(32);
  header.set([0, 1, 0x49, 0x4d], 124);
  return join(header, ...elements);
}

/** A compressed element; such ones have no padding. */
export async function compressed(content: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([content.slice()]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const tag = new Uint8Array(Uint32Array.of(15, packed.length).buffer);
  return join(tag, packed);
}

/** SVHN's file of some labels. */
export function svhn(labels: readonly number[]): Uint8Array {
  return mat(
    array("X", 9, [32, 32, 3, labels.length], element(2, svhnImages(labels.length))),
    array("y", 9, [labels.length, 1], element(2, Uint8Array.from(labels))),
  );
}

/** IDX bytes of unsigned numbers. */
export function idx(sizes: readonly number[], number: (i: number) => number): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * sizes.length));
  header.setUint32(0, 0x0800 + sizes.length);
  sizes.forEach((size, i) => header.setUint32(4 + 4 * i, size));
  const count = sizes.reduce((product, size) => product * size, 1);
  return join(
    new Uint8Array(header.buffer),
    Uint8Array.from({ length: count }, (_, i) => number(i)),
  );
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let place = 0;
  for (const part of parts) {
    bytes.set(part, place);
    place += part.length;
  }
  return bytes;
}

/** A file that arrives in chunks of a given size. */
export function file(name: string, bytes: Uint8Array, chunk = 1000): NamedFile {
  const stream = () => {
    let place = 0;
    return new ReadableStream<Uint8Array>({
      pull(controller) {
        if (place >= bytes.length) return controller.close();
        controller.enqueue(bytes.slice(place, place + chunk));
        place += chunk;
      },
    });
  };
  return { name, size: bytes.length, stream };
}

/** Runs `body` in a new directory that holds the given files. */
export async function withFiles(
  files: Record<string, Uint8Array>,
  body: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [name, bytes] of Object.entries(files)) {
      await Deno.writeFile(`${directory}/${name}`, bytes);
    }
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
