/**
 * How long a product takes in each tile: by the device's own clock where it shows it, else by ours.
 *
 * @module
 */

import { gemm } from "../device/_kernels.gen.ts";
import { BYTES, GpuStorage } from "../device/storage.ts";
import type { Machine } from "../device/machine.ts";
import { launchInTile } from "../verbs/products.ts";
import type { TileTiming } from "../device/tile_tuner.ts";
import type { Tile } from "../device/tiles.ts";

/** Runs after the first, which compiles. */
const RUNS = 3;

/** Milliseconds that tiles may take together by our clock, waits included. */
const PATIENCE_MS = 60;

/** Measures on a machine; nothing stays allocated. */
export function createTileTiming(machine: Machine): TileTiming {
  const byDevice = machine.device.features.has("timestamp-query");
  return {
    async measure(n, tiles) {
      const buffers = [0, 1, 2].map(() => machine.pool.take(n * n * BYTES).buffer);
      const [c, a, b] = buffers.map((buffer) => {
        machine.stream.clear(buffer, n * n * BYTES);
        const storage = new GpuStorage(buffer, n * n);
        return { storage, offset: 0, rows: n, cols: n, stride: n };
      });
      const sides = { aRow: n, aCol: 1, aBatch: 0, bRow: n, bCol: 1, bBatch: 0, cBatch: 0 };
      const numbers = { ...sides, decay: 0, scale: 1 };
      const run = (tile: Tile): void => {
        const shape = { m: n, n, depth: n };
        launchInTile(machine, gemm, { c, a, b }, numbers, shape, { vectors: "gemm" }, 1, tile);
      };
      try {
        return await (byDevice ? timeByDevice : timeByHost)(machine, tiles, run);
      } finally {
        for (const buffer of buffers) machine.pool.give(buffer);
      }
    },
  };
}

/** Everything in one submission and one wait. */
async function timeByDevice(
  { device, stream }: Machine,
  tiles: readonly Tile[],
  run: (tile: Tile) => void,
): Promise<number[]> {
  const count = 2 * tiles.length;
  const bytes = 8 * count;
  const querySet = device.createQuerySet({ type: "timestamp", count });
  const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const resolved = device.createBuffer({ size: bytes, usage: QUERY_RESOLVE | COPY_SRC });
  const staging = device.createBuffer({ size: bytes, usage: COPY_DST | MAP_READ });
  try {
    tiles.forEach((tile, i) => {
      run(tile);
      const writes = {
        querySet,
        beginningOfPassWriteIndex: 2 * i,
        endOfPassWriteIndex: 2 * i + 1,
      };
      stream.timed(writes, () => {
        for (let r = 0; r < RUNS; r++) run(tile);
      });
    });
    stream.submit();
    const encoder = device.createCommandEncoder();
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const nanoseconds = new BigUint64Array(staging.getMappedRange());
    return tiles.map((_, i) => Number(nanoseconds[2 * i + 1] - nanoseconds[2 * i]) / 1e6 / RUNS);
  } finally {
    querySet.destroy();
    resolved.destroy();
    staging.destroy();
  }
}

/** One tile after the other, as long as there is time. Other work on the device adds to what is seen. */
async function timeByHost(
  { device, stream }: Machine,
  tiles: readonly Tile[],
  run: (tile: Tile) => void,
): Promise<(number | undefined)[]> {
  const wait = async (): Promise<void> => {
    stream.submit();
    await device.queue.onSubmittedWorkDone();
  };
  const times: (number | undefined)[] = [];
  const begin = performance.now();
  for (const tile of tiles) {
    if (performance.now() - begin > PATIENCE_MS) {
      times.push(undefined);
      continue;
    }
    run(tile);
    await wait();
    const start = performance.now();
    for (let r = 0; r < RUNS; r++) run(tile);
    await wait();
    times.push((performance.now() - start) / RUNS);
  }
  return times;
}
