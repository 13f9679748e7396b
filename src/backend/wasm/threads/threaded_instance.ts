/**
 * Kernels on several threads over one memory.
 *
 * @module
 */

import type { KernelExports } from "../module/_kernels.gen.ts";
import { kernelBinary } from "../module/binary.ts";
import { MEMORY_IMPORT, withImportedMemory } from "../module/imported_memory.ts";
import type { Instance, InstantiateOptions } from "../module/instantiate.ts";
import { probeSimd, type SimdFlavour } from "../module/probe.ts";
import type { Kernel, Kernels, Parallel } from "./parallel.ts";
import { ALGEBRA_KERNELS, parallelAlgebra } from "./parallel_algebra.ts";
import { EIGENSOLVER_KERNELS } from "./parallel_eigensolver.ts";
import { LOW_RANK_KERNELS, parallelLowRank } from "./parallel_low_rank.ts";
import { parallelProjection, PROJECTION_KERNELS } from "./parallel_projection.ts";
import { parallelRows, ROW_KERNELS } from "./parallel_rows.ts";
import { parallelSums, SUM_KERNELS } from "./parallel_sums.ts";
import { ThreadPool } from "./pool.ts";
import { createSharedMemory, FixedMemory } from "./shared_memory.ts";
import { type ThreadCount, threadCount } from "./support.ts";

/** An instance whose large kernels run on several threads. */
export interface ThreadedInstance extends Instance {
  /** The threads, and the kernels for one of them. */
  readonly parallel: Parallel;
}

/** How the work is shared. */
export interface ThreadOptions {
  /** Threads that share the work; see {@linkcode BackendOptions.threads}. @default {1} */
  readonly threads?: number | "auto";
  /**
   * Operations below which a verb stays on one thread; with 0 everything is shared, for tests.
   *
   * @default {3e6}
   */
  readonly grain?: number;
  /** See {@linkcode BackendOptions.workerUrl}. @default {text that comes with the library} */
  readonly workerUrl?: string | URL | undefined;
}

/** Why there is one thread only, where more were asked for. */
export interface NoThreads {
  /** What is missing. */
  readonly reason?: string;
}

/**
 * Instantiates a build over a shared memory, or says why that is impossible; never throws. Workers
 * start when there is work for them.
 *
 * @param options `count` where it is known already.
 */
export function instantiateThreads(
  options: InstantiateOptions & ThreadOptions & { readonly count?: ThreadCount },
): ThreadedInstance | NoThreads {
  const { module, simd = probeSimd(), count = threadCount(options.threads ?? 1) } = options;
  const { threads, reason } = count;
  if (threads === 1) return reason === undefined ? {} : { reason };
  if (simd === undefined) return {};
  if (module !== undefined) return { reason: "a compiled module brings a memory of its own" };
  try {
    return overSharedMemory(simd, threads, options);
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

function overSharedMemory(
  simd: SimdFlavour,
  threads: number,
  { grain, workerUrl }: ThreadOptions,
): ThreadedInstance {
  const { memory, pages } = createSharedMemory();
  const module = new WebAssembly.Module(withImportedMemory(kernelBinary(simd), pages));
  const imports = { [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory } };
  const { exports } = new WebAssembly.Instance(module, imports);
  const kernels = exports as unknown as Kernels;
  const pool = new ThreadPool({
    threads,
    ...(grain !== undefined && { grain }),
    exports,
    kernels: [
      ...ALGEBRA_KERNELS,
      ...ROW_KERNELS,
      ...SUM_KERNELS,
      ...PROJECTION_KERNELS,
      ...LOW_RANK_KERNELS,
      ...EIGENSOLVER_KERNELS,
    ],
    module,
    memory,
    workerUrl,
  });
  const parallel: Parallel = { pool, kernels };
  const rows = parallelRows(parallel, memory);
  const algebra = parallelAlgebra(parallel, rows);
  const start = (exports.heapBase as Kernel)() >>> 0;
  return {
    get description() {
      return `${simd} SIMD, ${pool.description}`;
    },
    memory: new FixedMemory(memory, start),
    // What cuts a call takes it as a list of numbers, of whatever kernel; so types end and begin here.
    exports: {
      ...exports,
      ...rows,
      ...algebra,
      ...parallelSums(parallel, memory, rows.axpby),
      ...parallelLowRank(parallel, memory, rows.axpby),
      ...parallelProjection(parallel, memory, { ...rows, ...algebra }),
    } as unknown as KernelExports,
    extend(extension) {
      const module = new WebAssembly.Module(extension.binary(simd, pages));
      const { exports } = new WebAssembly.Instance(module, imports);
      pool.extend(module, exports);
      return {
        ...exports,
        ...parallelRows({ pool, kernels: exports as unknown as Kernels }, memory),
      };
    },
    parallel,
  };
}
