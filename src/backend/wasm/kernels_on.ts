/**
 * The verbs on WebAssembly SIMD: memory from {@linkcode Machine}, verbs from one file per topic.
 *
 * @module
 */

import type { ExtensionHost, VerbExtension } from "../extension.ts";
import type { Verbs } from "../backend.ts";
import { everyVerb } from "../calls.ts";
import type { Aside, Kernels, RawStorage } from "../kernels.ts";
import type { Matrix } from "../../core/matrix.ts";
import { createAlgebra } from "./verbs/algebra.ts";
import { createConvolution, withWindow } from "./verbs/convolution.ts";
import { createEigensolver } from "./verbs/eigensolver.ts";
import { createAside, createElementwise, notLoaded } from "./verbs/elementwise.ts";
import type { Instance } from "./module/instantiate.ts";
import { createLosses } from "./verbs/losses.ts";
import { createLowRank } from "./verbs/low_rank.ts";
import { addressOf, Machine, type WasmStorage } from "./module/machine.ts";
import { createProjection } from "./verbs/projection.ts";
import { createFormulas } from "./verbs/formula.ts";

/**
 * The implementation on an instance.
 *
 * @param instance What the verbs call.
 * @param others What takes the place of one thread's verbs.
 */
export function kernelsOn(
  instance: Instance,
  others?: (machine: Machine) => Partial<Kernels>,
): Kernels {
  const machine = new Machine(instance);
  const aside: Aside = {
    ...createAside(machine),
    exchange: (x, y) => machine.exchange(x as WasmStorage, y as WasmStorage),
  };
  const extensions = new Set<VerbExtension>();
  const kernels: Kernels = {
    name: "wasm",
    sync: true,
    get info() {
      return { description: `wasm (${instance.description})`, roundoff: 2 ** -24 };
    },
    bytesPerElement: Float32Array.BYTES_PER_ELEMENT,
    ...createMemory(machine),
    ...createVerbs(machine, aside),
    aside,
    ...others?.(machine),
    get reservedBytes() {
      return machine.memory.byteLength;
    },
    extend(extension) {
      if (extensions.has(extension)) return;
      const host: ExtensionHost = {
        exports: instance.extend(extension),
        verbs: { ...kernels },
        withWorkspace: machine.withWorkspace.bind(machine),
        withWindow: (window, body) => withWindow(machine, window, body),
        scope: machine.scope.bind(machine),
        temporary: machine.temporary.bind(machine),
        fill: (m, value) => void machine.row({ ...m, cols: m.rows * m.cols }).fill(value),
      };
      Object.assign(kernels, extension.verbs(host));
      extensions.add(extension);
    },
  };
  return kernels;
}

function createVerbs(machine: Machine, aside: Aside): Verbs {
  const algebra = createAlgebra(machine);
  const elementwise = createElementwise(machine, aside);
  const convolution = createConvolution(machine);
  return {
    ...everyVerb((verb) => () => {
      throw notLoaded(`Cannot run ${verb}`);
    }),
    ...algebra,
    ...elementwise,
    ...convolution,
    ...createEigensolver(machine),
    ...createProjection(machine, { ...algebra, ...convolution }),
    ...createLowRank(machine, { ...algebra, ...elementwise }),
    ...createLosses(machine, elementwise),
    ...createFormulas(machine),
  };
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
  | "dispose"
> {
  /** Scratch of each open scope, to be marked when it ends. */
  const scopes: WasmStorage[][] = [];
  return {
    allocate: (length) => machine.allocate(length),
    free(storage: RawStorage) {
      storage.disposed = true;
      machine.release(storage as WasmStorage);
    },
    pushScope() {
      scopes.push([]);
      machine.pushScope();
    },
    scratch(length) {
      const storage = machine.scratch(length);
      scopes[scopes.length - 1].push(storage);
      return storage;
    },
    popScope() {
      for (const storage of scopes.pop() ?? []) storage.disposed = true;
      machine.popScope();
    },
    write: (m, data) => writeRows(machine, m, data),
    read: (m) => Promise.resolve(readRows(machine, m)),
    readSync: (m, into) => readRows(machine, m, into as Float32Array | undefined),
    flush: () => Promise.resolve(),
    // Linear memory goes with the instance, when the last view of it is gone.
    dispose: () => {},
  };
}

function writeRows(machine: Machine, m: Matrix, data: ArrayLike<number>): void {
  const start = addressOf(m) / 4;
  const view = machine.memory.view;
  if (m.stride === m.cols) {
    view.set(data, start);
    return;
  }
  for (let i = 0, k = 0; i < m.rows; i++) {
    for (let j = 0; j < m.cols; j++, k++) view[start + i * m.stride + j] = data[k];
  }
}

function readRows(machine: Machine, m: Matrix, into?: Float32Array): Float32Array {
  const start = addressOf(m) / 4;
  const view = machine.memory.view;
  const out = into ?? new Float32Array(m.rows * m.cols);
  if (m.stride === m.cols) {
    // A view costs more than a few numbers.
    if (out.length <= 64) { for (let i = 0; i < out.length; i++) out[i] = view[start + i]; }
    else out.set(view.subarray(start, start + out.length));
    return out;
  }
  for (let i = 0; i < m.rows; i++) {
    const from = start + i * m.stride;
    out.set(view.subarray(from, from + m.cols), i * m.cols);
  }
  return out;
}
