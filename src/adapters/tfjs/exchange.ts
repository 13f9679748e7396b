/**
 * Numbers between tensors of TensorFlow.js and matrices of this library: through the host, or from
 * buffer to buffer where both are on the same GPU device.
 *
 * @module
 */

import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import type { Backend, GpuMemory } from "../../backend/backend.ts";
import { readerOf } from "../../backend/read_at_once.ts";
import { StateError } from "../../core/errors.ts";
import type { Matrix } from "../../core/matrix.ts";

/** Copies in both directions. Both sides are read row by row and hold as many numbers. */
export interface Exchange {
  /** Throws unless the framework computes where numbers can be copied from and to. */
  check(): void;
  /** Copies a tensor into a matrix. */
  write(target: Matrix, tensor: tf.Tensor): void;
  /** A tensor with a matrix's numbers, which the caller disposes. */
  read(source: Matrix, shape: readonly number[]): tf.Tensor;
}

/** What is used of the framework's webgpu backend beyond what its core declares. */
interface TfGpu {
  readonly device: GPUDevice;
  readonly tensorMap: { get(dataId: object): { readonly dtype: string } };
  uploadToGPU(dataId: object): void;
}

/** The way that a backend's numbers can go; `undefined` for one that can be read by waiting only. */
export function exchangeOf(backend: Backend): Exchange | undefined {
  const readSync = readerOf(backend);
  if (readSync !== undefined) return throughHost(backend, readSync);
  return backend.gpu === undefined ? undefined : onDevice(backend.gpu);
}

function throughHost(backend: Backend, readSync: (matrix: Matrix) => Iterable<number>): Exchange {
  return {
    check() {},
    write: (target, tensor) => backend.write(target, tensor.dataSync()),
    read: (source, shape) => tf.tensor(Float32Array.from(readSync(source)), [...shape]),
  };
}

function onDevice(gpu: GpuMemory): Exchange {
  const framework = (): TfGpu => {
    const backend = tf.backend() as unknown as TfGpu;
    if (backend.device === gpu.device) return backend;
    throw new StateError(
      "Cannot share a GPU: expected TensorFlow.js to compute with its webgpu backend on the device that " +
        `'backend' was created with, received its '${tf.getBackend()}' backend` +
        (backend.device === undefined ? "" : " on another device") +
        "; call tf.setBackend('webgpu'), then createBackend with device: tf.backend().device",
    );
  };
  return {
    check: framework,
    write: (target, tensor) =>
      tf.tidy(() => {
        let numbers = tf.cast(tensor, "float32");
        // A cast leaves integers as they are, to be converted by what computes with them.
        const { dtype } = framework().tensorMap.get(numbers.dataId);
        if (dtype !== "float32") numbers = tf.mul(numbers, 1);
        // Tensors that have just been made, and results of small operations, may still be on the host.
        framework().uploadToGPU(numbers.dataId);
        gpu.copyFrom(target, numbers.dataToGPU().buffer!);
      }),
    read(source, shape) {
      framework();
      const buffer = gpu.device.createBuffer({
        size: source.rows * source.cols * Float32Array.BYTES_PER_ELEMENT,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      });
      try {
        gpu.copyTo(buffer, source);
        // A copy: the framework's own buffers go back into its pool.
        return tf.tensor({ buffer }, [...shape], "float32");
      } finally {
        buffer.destroy();
      }
    },
  };
}
