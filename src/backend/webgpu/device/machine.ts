/**
 * What every topic of verbs works with: memory on the device, and kernels enqueued with matrices.
 *
 * @module
 */

import { BackendError } from "../../../core/errors.ts";
import { isContiguous, type Matrix } from "../../../core/matrix.ts";
import type { Scalar } from "../../backend.ts";
import { axpby } from "./_kernels.gen.ts";
import type { OpenDevice } from "./adapter.ts";
import { apart, type Operand, putBack } from "./aliasing.ts";
import { BufferPool, type PooledBuffer } from "./buffer_pool.ts";
import { CommandStream, SLOT_BYTES } from "./command_stream.ts";
import { TuningCache } from "./gpu_options.ts";
import { DeviceHealth } from "./health.ts";
import { type BoundBuffer, Pipelines } from "./pipelines.ts";
import { Readback } from "./readback.ts";
import type { Overrides, Shader, Texts } from "./shader.ts";
import { bufferOf, BYTES, GpuStorage, spanOf } from "./storage.ts";
import { TileTuner } from "./tile_tuner.ts";

/** Workgroups in x, y, z. */
export type Grid = readonly [x: number, y: number, z: number];

/** How a kernel is built and launched. */
export interface Launch {
  /** Values of its `override` constants. */
  readonly overrides?: Overrides;
  /** Shared texts in the place of others. */
  readonly texts?: Texts;
}

/** One device with its memory, commands and compiled kernels. */
export class Machine {
  /** The device. */
  readonly device: GPUDevice;
  /** Whether it still works. */
  readonly health: DeviceHealth;
  /** Commands not yet submitted. */
  readonly stream: CommandStream;
  /** Numbers on their way to the host. */
  readonly readback: Readback;
  /** Its memory. */
  readonly pool: BufferPool;
  /** Most bytes of a matrix that a kernel can see at a time. */
  readonly bindingBytes: number;
  /** The verb whose kernels are being enqueued, for messages. */
  verb = "";
  /** How it computes products. */
  readonly tuner: TileTuner;
  readonly #pipelines: Pipelines;
  readonly #scopes: GpuStorage[][] = [];
  readonly #params = new DataView(new ArrayBuffer(SLOT_BYTES));
  readonly #paramBytes = new Uint8Array(this.#params.buffer);
  /** Bound where a kernel reads nothing. */
  readonly #nothing: PooledBuffer;

  /** Takes over a device. */
  constructor({ device, adapter, software, subgroups, gpu }: OpenDevice) {
    this.device = device;
    const { tuning = "auto", tunings = new TuningCache(), bindingBytes = Infinity } = gpu;
    this.bindingBytes = Math.min(bindingBytes, device.limits.maxStorageBufferBindingSize);
    this.tuner = new TileTuner(
      adapter,
      device.limits.maxComputeWorkgroupStorageSize,
      tunings,
      tuning === "auto" ? (software ? "off" : "on") : tuning,
    );
    this.health = new DeviceHealth(device);
    this.stream = new CommandStream(device);
    this.readback = new Readback(device, this.stream);
    const texts: Texts = subgroups ? { workgroup_sum: "subgroup_sum" } : {};
    this.#pipelines = new Pipelines(device, this.stream.uniforms, texts);
    this.pool = new BufferPool(device, () => {
      this.stream.submit();
      this.#pipelines.forgetGroups();
    });
    this.#nothing = this.pool.take(BYTES).buffer;
  }

  /** Gives all memory back to the device, where that lives on. */
  dispose(): void {
    this.stream.submit();
    this.pool.give(this.#nothing);
    this.pool.trim();
    this.stream.uniforms.destroy();
  }

  /** Storage of zeros. */
  allocate(length: number): GpuStorage {
    this.health.check();
    const { buffer, zeroed } = this.pool.take(length * BYTES);
    if (!zeroed && length > 0) this.stream.clear(buffer, length * BYTES);
    return new GpuStorage(buffer, length);
  }

  /** Gives storage back. */
  release(storage: GpuStorage): void {
    storage.disposed = true;
    this.pool.give(storage.buffer);
  }

  /** Opens a scope of temporaries. */
  pushScope(): void {
    this.#scopes.push([]);
  }

  /** Storage with unspecified content, until the innermost scope ends. */
  scratch(length: number): GpuStorage {
    this.health.check();
    const storage = new GpuStorage(this.pool.take(length * BYTES).buffer, length);
    this.#scopes[this.#scopes.length - 1].push(storage);
    return storage;
  }

  /** Ends the innermost scope. */
  popScope(): void {
    for (const storage of this.#scopes.pop() ?? []) this.release(storage);
  }

  /** Runs `body`; what it takes by {@linkcode Machine.temporary} is given back when it ends. */
  scope(body: () => void): void {
    this.pushScope();
    try {
      body();
    } finally {
      this.popScope();
    }
  }

  /** A contiguous matrix of unspecified content, until the innermost scope ends. */
  temporary(rows: number, cols: number): Matrix {
    return { storage: this.scratch(rows * cols), offset: 0, rows, cols, stride: cols };
  }

  /** Copies numbers, row by row, from the host. */
  write(m: Matrix, numbers: ArrayLike<number>): void {
    this.health.check();
    if (numbers.length === 0) return;
    const data = new Float32Array(numbers);
    if (isContiguous(m)) return this.stream.upload(bufferOf(m), m.offset * BYTES, data);
    this.scope(() => {
      const packed = this.temporary(m.rows, m.cols);
      this.stream.upload(bufferOf(packed), 0, data);
      this.copy(m, packed);
    });
  }

  /** See `GpuMemory.copyFrom`. */
  copyFrom(target: Matrix, source: GPUBuffer): void {
    this.health.check();
    const bytes = target.rows * target.cols * BYTES;
    this.scope(() => {
      const packed = isContiguous(target) ? target : this.temporary(target.rows, target.cols);
      this.stream.copy(source, 0, bufferOf(packed), packed.offset * BYTES, bytes);
      if (packed !== target) this.copy(target, packed);
    });
    this.stream.submit();
  }

  /** See `GpuMemory.copyTo`. */
  copyTo(target: GPUBuffer, source: Matrix): void {
    this.health.check();
    const bytes = source.rows * source.cols * BYTES;
    this.scope(() => {
      const packed = isContiguous(source) ? source : this.temporary(source.rows, source.cols);
      if (packed !== source) this.copy(packed, source);
      this.stream.copy(bufferOf(packed), packed.offset * BYTES, target, 0, bytes);
    });
    this.stream.submit();
  }

  /** A copy on the host of what a matrix holds when everything enqueued so far is done. */
  async read(m: Matrix): Promise<Float32Array> {
    this.health.check();
    const count = m.rows * m.cols;
    if (count === 0) return new Float32Array(0);
    let numbers: Promise<Float32Array> | undefined;
    this.scope(() => {
      let source = m;
      if (!isContiguous(m)) this.copy(source = this.temporary(m.rows, m.cols), m);
      const { offset } = source;
      numbers = this.readback.read(bufferOf(source), offset * BYTES, count * BYTES);
    });
    return await this.health.wait(numbers!);
  }

  /** `out = x`, of equal shape. */
  copy(out: Matrix, x: Matrix): void {
    const { rows, cols } = out;
    const operands = { y: out, x, alpha: 1, beta: 0 };
    this.run(axpby, operands, { rows, cols }, elementGrid(rows * cols));
  }

  /**
   * Enqueues a kernel.
   *
   * @param shader The kernel.
   * @param operands What is bound: matrices, scalars (numbers as well), or nothing where the kernel is
   * told by a number that it need not look. Inputs may share a storage with outputs.
   * @param numbers Fields of its `Params` that do not follow from the operands.
   * @param grid Workgroups; a kernel with none is not enqueued.
   */
  run<B extends string, P extends string>(
    shader: Shader<B, P>,
    operands: Readonly<Record<B, Scalar | undefined>>,
    numbers: Readonly<Record<P, number>>,
    grid: Grid,
    { overrides = {}, texts }: Launch = {},
  ): void {
    this.health.check();
    if (grid.some((count) => count === 0)) return;
    this.#checkGrid(shader.name, grid);
    const given = shader.bindings.map(({ name, written }): Operand => {
      return { name, written, value: operands[name] };
    });
    const resolved = apart(this, given, shader.overrides);
    const values: Record<string, number> = { ...numbers };
    const bound = resolved.operands.map((operand) => this.#bind(shader.name, operand, values));
    const constants = resolved.inPlace === undefined
      ? overrides
      : { ...overrides, [resolved.inPlace]: true };
    const pipeline = this.#pipelines.pipelineOf(shader, constants, texts);
    shader.fields.forEach(([field, type], i) => {
      const value = values[field];
      if (type === "f32") this.#params.setFloat32(i * BYTES, value, true);
      else this.#params.setUint32(i * BYTES, value, true);
    });
    this.stream.dispatch(
      pipeline.gpu,
      this.#pipelines.groupOf(pipeline, bound),
      this.#paramBytes,
      grid,
      bound.map(({ buffer }) => buffer),
    );
    putBack(this, resolved);
  }

  /** Whether a kernel can see a matrix as a whole, wherever it begins. */
  canBind(m: Matrix): boolean {
    const { size } = bufferOf(m);
    return size <= this.bindingBytes || spanOf(m) * BYTES + SLOT_BYTES <= this.bindingBytes;
  }

  /** The buffer of an operand; what the kernel has to know of it goes to `values`. */
  #bind(kernel: string, { name, value }: Operand, values: Record<string, number>): BoundBuffer {
    if (value === undefined || typeof value === "number") {
      values[`${name}Offset`] = values[`${name}Stride`] = values[`${name}Held`] = 0;
      values[`${name}Number`] = value ?? 0;
      return { buffer: this.#nothing, offset: 0, size: this.#nothing.size };
    }
    const buffer = bufferOf(value);
    const most = this.bindingBytes;
    let [offset, size] = [0, buffer.size];
    if (size > most) {
      const first = value.offset * BYTES;
      offset = first - first % SLOT_BYTES;
      size = first - offset + Math.max(spanOf(value), 1) * BYTES;
      if (size > most) {
        throw new BackendError(
          "webgpu",
          `cannot run ${this.verb}: '${name}' of its kernel '${kernel}' spans ${size} bytes, and the ` +
            `device binds at most ${most}`,
        );
      }
    }
    values[`${name}Offset`] = value.offset - offset / BYTES;
    values[`${name}Stride`] = value.stride;
    values[`${name}Held`] = 1;
    values[`${name}Number`] = 0;
    return { buffer, offset, size };
  }

  #checkGrid(kernel: string, grid: Grid): void {
    const { maxComputeWorkgroupsPerDimension: most } = this.device.limits;
    if (grid.every((count) => count <= most)) return;
    const reason = `cannot run ${kernel}: it takes ${grid.join(" x ")} workgroups, ` +
      `and the device allows ${most} in a direction`;
    throw new BackendError("webgpu", reason);
  }
}

/** Workgroups for `count` elements at 256 each; beyond what a grid holds they go round. */
export function elementGrid(count: number): Grid {
  return [Math.min(Math.ceil(count / 256), 65535), 1, 1];
}

/** One workgroup for each of `count` rows. */
export function rowGrid(count: number): Grid {
  const width = Math.min(count, 32768);
  return [width, width === 0 ? 0 : Math.ceil(count / width), 1];
}
