/**
 * Commands on their way to the device: collected in one encoder and submitted together.
 *
 * @module
 */

import type { PooledBuffer } from "./buffer_pool.ts";

/** Bytes of one `Params`: what a dynamic offset may be a multiple of on every device. */
export const SLOT_BYTES = 256;

/** Dispatches after which a batch is submitted, so that the device starts before the host is done. */
const SLOTS = 128;

/** One command buffer after the other. */
export class CommandStream {
  /** `Params` of a batch's dispatches, a slot each. */
  readonly uniforms: GPUBuffer;
  readonly #device: GPUDevice;
  readonly #slots = new Uint8Array(SLOTS * SLOT_BYTES);
  readonly #touched = new Set<PooledBuffer>();
  #used = 0;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;

  /** Begins with nothing enqueued. */
  constructor(device: GPUDevice) {
    this.#device = device;
    this.uniforms = device.createBuffer({
      size: this.#slots.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  /**
   * Enqueues a kernel.
   *
   * @param params Bytes of its `Params`.
   * @param buffers What it reads and writes, for {@linkcode CommandStream.upload}.
   */
  dispatch(
    pipeline: GPUComputePipeline,
    group: GPUBindGroup,
    params: Uint8Array,
    grid: readonly [number, number, number],
    buffers: Iterable<PooledBuffer>,
  ): void {
    if (this.#used === SLOTS) this.submit();
    const offset = this.#used++ * SLOT_BYTES;
    this.#slots.set(params, offset);
    this.#pass ??= this.#open().beginComputePass();
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(0, group, [offset]);
    this.#pass.dispatchWorkgroups(...grid);
    for (const buffer of buffers) this.#touched.add(buffer);
  }

  /**
   * Enqueues what `body` dispatches in a pass of its own, at whose ends the device notes the time. It must
   * be fewer dispatches than a batch holds.
   */
  timed(timestampWrites: GPUComputePassTimestampWrites, body: () => void): void {
    this.submit();
    this.#pass = this.#open().beginComputePass({ timestampWrites });
    body();
    this.#outside();
  }

  /** Enqueues a copy of bytes; offsets and size are multiples of 4. */
  copy(
    from: PooledBuffer | GPUBuffer,
    fromOffset: number,
    to: PooledBuffer | GPUBuffer,
    toOffset: number,
    bytes: number,
  ): void {
    const [source, target] = [from, to].map((buffer) => "gpu" in buffer ? buffer.gpu : buffer);
    this.#outside().copyBufferToBuffer(source, fromOffset, target, toOffset, bytes);
    for (const buffer of [from, to]) if ("gpu" in buffer) this.#touched.add(buffer);
  }

  /** Enqueues zeros. */
  clear(buffer: PooledBuffer, bytes: number): void {
    this.#outside().clearBuffer(buffer.gpu, 0, bytes);
    this.#touched.add(buffer);
  }

  /** Copies numbers of the host, after everything enqueued so far. */
  upload(buffer: PooledBuffer, offset: number, numbers: Float32Array<ArrayBuffer>): void {
    // The queue writes at once, before commands that have not been submitted.
    if (this.#touched.has(buffer)) this.submit();
    this.#device.queue.writeBuffer(buffer.gpu, offset, numbers);
  }

  /** Sends what is enqueued to the device. */
  submit(): void {
    if (this.#encoder === undefined) return;
    this.#pass?.end();
    const commands = this.#encoder.finish();
    const bytes = this.#used * SLOT_BYTES;
    if (bytes > 0) this.#device.queue.writeBuffer(this.uniforms, 0, this.#slots, 0, bytes);
    this.#device.queue.submit([commands]);
    this.#touched.clear();
    this.#used = 0;
    this.#encoder = this.#pass = undefined;
  }

  #open(): GPUCommandEncoder {
    return this.#encoder ??= this.#device.createCommandEncoder();
  }

  /** The encoder outside any pass, for copies. */
  #outside(): GPUCommandEncoder {
    this.#pass?.end();
    this.#pass = undefined;
    return this.#open();
  }
}
