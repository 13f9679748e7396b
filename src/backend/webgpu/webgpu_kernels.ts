/**
 * The verbs on a GPU: memory and commands from {@linkcode Machine}, verbs from one file per topic.
 *
 * @module
 */

import type { Verbs } from "../backend.ts";
import { StateError } from "../../core/errors.ts";
import type { Kernels, RawStorage } from "../kernels.ts";
import type { OpenDevice } from "./adapter.ts";
import { createAlgebra } from "./algebra.ts";
import { createBatchNorm } from "./batch_norm.ts";
import { createConvolution } from "./convolution.ts";
import { createEigensolver } from "./eigensolver.ts";
import { createElementwise } from "./elementwise.ts";
import { createLosses } from "./losses.ts";
import { Machine } from "./machine.ts";
import { createProjection } from "./projection.ts";
import { createScalars } from "./scalars.ts";
import { BYTES, type GpuStorage } from "./storage.ts";

/**
 * Creates the WebGPU implementation on a device: float32, asynchronous. Verbs enqueue and return; nothing
 * waits for the device but `read` and `flush`. After the loss of the device every call throws
 * `BackendError`.
 */
export function createWebGpuKernels({ device, adapter, owned }: OpenDevice): Kernels {
  const machine = new Machine(device);
  return {
    name: "webgpu",
    sync: false,
    info: { description: `webgpu (${adapter})`, roundoff: 2 ** -24 },
    bytesPerElement: BYTES,
    ...createMemory(machine, owned),
    ...createVerbs(machine),
    get reservedBytes() {
      return machine.pool.reservedBytes;
    },
  };
}

function createVerbs(machine: Machine): Verbs {
  return {
    ...createAlgebra(machine),
    ...createElementwise(machine),
    ...createConvolution(machine),
    ...createEigensolver(machine),
    ...createProjection(machine),
    ...createBatchNorm(machine),
    ...createLosses(machine),
    ...createScalars(machine),
  };
}

function createMemory(
  machine: Machine,
  owned: boolean,
): Pick<
  Kernels,
  | "allocate"
  | "free"
  | "pushScope"
  | "scratch"
  | "popScope"
  | "write"
  | "read"
  | "readSync"
  | "flush"
  | "dispose"
> {
  return {
    allocate: (length) => machine.allocate(length),
    free: (storage: RawStorage) => machine.release(storage as GpuStorage),
    pushScope: () => machine.pushScope(),
    scratch: (length) => machine.scratch(length),
    popScope: () => machine.popScope(),
    write: (m, data) => machine.write(m, data),
    read: (m) => machine.read(m),
    readSync(): never {
      throw new StateError("Cannot read at once: a GPU answers later, use await read()");
    },
    async flush() {
      machine.health.check();
      machine.stream.submit();
      await machine.health.wait(machine.device.queue.onSubmittedWorkDone());
    },
    dispose() {
      machine.health.stop();
      if (owned) machine.device.destroy();
      else machine.dispose();
    },
  };
}
