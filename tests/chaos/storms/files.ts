/** Damaged files of every format that is read. */
import { createBackend } from "@tekfac/tekfac/backend";
import type { Random } from "@tekfac/tekfac/core";
import { parseCsv } from "@tekfac/tekfac/csv";
import { parseIdx, readCifar, readSvhn, table } from "@tekfac/tekfac/data";
import { loadModel, saveModel } from "@tekfac/tekfac/model";
import { dense, sequential } from "@tekfac/tekfac/nn";
import { loadState, saveState } from "@tekfac/tekfac/optim";
import * as valid from "../../data/_files.ts";
import { isOwn } from "./batches.ts";
import { mutated } from "../mutate.ts";
import { pick, type Storm } from "../storm.ts";
import { batchOf, begin, checkSame, type Task } from "../task.ts";

/** Damaged files of one round. */
const FILES = 200;

/** A format: a valid file, and how it is read. */
interface Format {
  readonly bytes: Uint8Array;
  read(bytes: Uint8Array): unknown;
}

const TABLE = new TextEncoder().encode('x,y,"z"\n1,2,a\n3,"4",b\n-5e3,6,a\n');
const LABELS = valid.idx([3], (i) => i);

/** Formats of data. */
const DATA: readonly (() => Promise<Format>)[] = [
  async () => ({
    bytes: await gzip(valid.idx([3, 2, 2], (i) => 20 * i)),
    read: (bytes) => parseIdx({ name: "images", bytes }, { name: "labels", bytes: LABELS }),
  }),
  async () => ({
    bytes: await Promise.resolve(valid.idx([3, 2, 2], (i) => 20 * i)),
    read: (bytes) => parseIdx({ name: "images", bytes }, { name: "labels", bytes: LABELS }),
  }),
  async () => ({
    bytes: await Promise.resolve(valid.cifar([[1], [2]])),
    read: (bytes) => readCifar([valid.file("data", bytes)], "cifar10"),
  }),
  async () => ({
    bytes: await Promise.resolve(valid.svhn([1, 10])),
    read: (bytes) => readSvhn(valid.file("data.mat", bytes)),
  }),
  async () => ({
    bytes: valid.mat(
      await valid.compressed(
        valid.array("X", 9, [32, 32, 3, 1], valid.element(2, valid.svhnImages(1))),
      ),
      await valid.compressed(valid.array("y", 9, [1, 1], valid.element(2, Uint8Array.of(3)))),
    ),
    read: (bytes) => readSvhn(valid.file("data.mat", bytes)),
  }),
  async () => ({
    bytes: await Promise.resolve(TABLE),
    read: (bytes) => table(parseCsv(new TextDecoder().decode(bytes), { targets: "z" })),
  }),
];

const CHECKPOINT: Task = { net: "images", method: "tekfac", options: "often", seed: 5 };

export const files: Storm = {
  name: "files",
  weight: 2,
  async round(random) {
    using backend = await createBackend({ prefer: ["wasm"] });
    if (random.integer(2) === 0) {
      return { "damaged data files": await damage(random, await pick(random, DATA)(), () => {}) };
    }
    if (random.integer(2) === 0) {
      using model = sequential(backend, { input: [3], layers: [dense(2)], seed: 1 });
      const format: Format = {
        bytes: await saveModel(model),
        read: async (bytes) => (await loadModel(backend, bytes))[Symbol.dispose](),
      };
      return { "damaged models": await damage(random, format, refuse) };
    }
    using training = begin(backend, CHECKPOINT);
    for (let step = 0; step < 3; step++) training.optimizer.stepSync(batchOf(CHECKPOINT, step));
    const bytes = await saveState(training.optimizer);
    const count = await damage(random, {
      bytes,
      read: (damaged) => loadState(training.optimizer, damaged),
    }, refuse);
    // None of them has changed anything.
    checkSame(await saveState(training.optimizer), bytes, CHECKPOINT);
    return { "damaged checkpoints": count };
  },
};

/** Reads damaged files; whatever is thrown is the library's own. Their number. */
async function damage(
  random: Random,
  { bytes, read }: Format,
  onAccepted: (bytes: Uint8Array) => void,
): Promise<number> {
  for (let i = 0; i < FILES; i++) {
    const damaged = mutated(random, bytes);
    try {
      await read(damaged);
    } catch (error) {
      if (!isOwn(error)) throw error;
      continue;
    }
    if (damaged.length !== bytes.length || damaged.some((byte, k) => byte !== bytes[k])) {
      onAccepted(damaged);
    }
  }
  return FILES;
}

function refuse(): void {
  throw new Error("a damaged file was taken for a good one");
}

async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes.slice()]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
