/**
 * The verbs on a GPU: memory and commands from {@linkcode Machine}, verbs from one file per topic.
 *
 * @module
 */

import type { Verbs } from "../backend.ts";
import { StateError } from "../../core/errors.ts";
import { everyVerb } from "../calls.ts";
import type { Kernels, RawStorage } from "../kernels.ts";
import type { OpenDevice } from "./device/adapter.ts";
import { createAlgebra } from "./verbs/algebra.ts";
import { createBatchNorm } from "./verbs/batch_norm.ts";
import { createConvolution } from "./verbs/convolution.ts";
import { createDepthwise } from "./verbs/depthwise.ts";
import { EigenChoice } from "./tuning/eigen_choice.ts";
import { createEigensolver } from "./verbs/eigensolver.ts";
import { createElementwise } from "./verbs/elementwise.ts";
import { HostEigensolver } from "./tuning/host_eigensolver.ts";
import { createFormulas } from "./verbs/formula.ts";
import { createLosses } from "./verbs/losses.ts";
import { createLowRank } from "./verbs/low_rank.ts";
import { Machine } from "./device/machine.ts";
import { createProjection } from "./verbs/projection.ts";
import { createSequences } from "./verbs/sequences.ts";
import { splitByRows } from "./verbs/split_rows.ts";
import { createKeeping } from "./device/keeping.ts";
import { BYTES, type GpuStorage } from "./device/storage.ts";
import { createTileTiming } from "./tuning/tile_timing.ts";

/**
 * Creates the WebGPU implementation on a device: float32, asynchronous. Verbs enqueue and return; nothing
 * waits for the device but `read` and `flush`. After the loss of the device every call throws
 * `BackendError`.
 */
export function createWebGpuKernels(open: OpenDevice): Kernels {
  const { adapter, owned } = open;
  const machine = new Machine(open);
  machine.tuner.start(createTileTiming(machine));
  const verbs = createVerbs(machine);
  const host = new HostEigensolver(machine, open.threads);
  const choice = new EigenChoice(machine, host, verbs.eigh, open);
  return {
    name: "webgpu",
    sync: false,
    info: { description: `webgpu (${adapter})`, roundoff: 2 ** -24 },
    bytesPerElement: BYTES,
    deviceLoss: machine.health,
    gpu: {
      device: machine.device,
      copyFrom: (target, source) => machine.copyFrom(target, source),
      copyTo: (target, source) => machine.copyTo(target, source),
    },
    ...createMemory(machine),
    keeping: createKeeping(machine),
    ...verbs,
    beginEigh: (jobs, options) => choice.begin(jobs, options),
    dispose() {
      host.dispose();
      machine.health.stop();
      machine.tuner.stop();
      if (owned) machine.device.destroy();
      else machine.dispose();
    },
    get reservedBytes() {
      return machine.pool.reservedBytes;
    },
  };
}

function createVerbs(machine: Machine): Verbs {
  const elementwise = createElementwise(machine);
  const convolution = createConvolution(machine);
  const verbs = splitByRows(machine, {
    ...createAlgebra(machine),
    ...elementwise,
    ...convolution,
    ...createDepthwise(machine, convolution),
    ...createEigensolver(machine),
    ...createProjection(machine),
    ...createLowRank(machine, elementwise),
    ...createBatchNorm(machine),
    ...createLosses(machine),
    ...createFormulas(machine),
    ...createSequences(machine),
  });
  return named(machine, verbs);
}

/** The same verbs; they leave their names where messages are made. */
function named(machine: Machine, verbs: Verbs): Verbs {
  return everyVerb((verb) => (...call) => {
    machine.verb = verb;
    (verbs[verb] as (...call: unknown[]) => void)(...call);
  });
}

function createMemory(
  machine: Machine,
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
      await machine.tuner.settle();
      await machine.health.wait(machine.device.queue.onSubmittedWorkDone());
    },
  };
}
