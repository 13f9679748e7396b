/**
 * Numbers on their way back to the host. A wait costs about 11 ms whatever its size, so all reads that
 * are asked for before one is awaited share a submission and a wait.
 *
 * @module
 */

import type { PooledBuffer } from "./buffer_pool.ts";
import type { CommandStream } from "./command_stream.ts";

/** Bytes of a staging buffer; more only where one matrix needs more. */
const STAGING_BYTES = 1 << 16;

/** Copies that are waited for together. */
interface Batch {
  /** Host-visible buffers, the last one being filled. */
  readonly staging: { readonly gpu: GPUBuffer; readonly size: number }[];
  /** Bytes used of the last one. */
  used: number;
  /** Reads that have not copied their numbers yet. */
  waiting: number;
  /** Resolves when all of them can be read. */
  readonly mapped: Promise<void>;
}

/** Reads of one device. */
export class Readback {
  readonly #device: GPUDevice;
  readonly #stream: CommandStream;
  #open: Batch | undefined;

  /** Reads what the stream has enqueued so far. */
  constructor(device: GPUDevice, stream: CommandStream) {
    this.#device = device;
    this.#stream = stream;
  }

  /** The numbers that are in a buffer after everything enqueued so far. */
  async read(from: PooledBuffer, offset: number, bytes: number): Promise<Float32Array> {
    const batch = this.#open ??= this.#begin();
    let last = batch.staging.at(-1);
    if (last === undefined || batch.used + bytes > last.size) {
      const size = Math.max(STAGING_BYTES, Math.ceil(bytes / 8) * 8);
      const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
      last = { gpu: this.#device.createBuffer({ size, usage }), size };
      batch.staging.push(last);
      batch.used = 0;
    }
    const at = batch.used;
    // Mapped ranges begin at multiples of 8.
    batch.used += Math.ceil(bytes / 8) * 8;
    this.#stream.copy(from, offset, last.gpu, at, bytes);
    batch.waiting++;
    await batch.mapped;
    const numbers = new Float32Array(last.gpu.getMappedRange(at, bytes)).slice();
    if (--batch.waiting === 0) batch.staging.forEach(({ gpu }) => gpu.destroy());
    return numbers;
  }

  #begin(): Batch {
    const staging: Batch["staging"] = [];
    // Behind the code that is running now: everything it reads is in the batch by then.
    const mapped = Promise.resolve().then(async () => {
      this.#open = undefined;
      this.#stream.submit();
      await Promise.all(staging.map(({ gpu }) => gpu.mapAsync(GPUMapMode.READ)));
    });
    return { staging, used: 0, waiting: 0, mapped };
  }
}
