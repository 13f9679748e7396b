/**
 * NumPy and PyTorch, where they are installed (Debian: python3-numpy, python3-torch; OpenBLAS as
 * libopenblas0-openmp, whose threads are PyTorch's own: those of the pthread build come on top of them, and
 * on as many cores as threads each waits for the other).
 *
 * @module
 */

import type { Peer, Task } from "./peer.ts";
import { Exchange, findPython, PythonProcess } from "./python_process.ts";
import { type Arrays, convolutionShapes, type Work } from "./work.ts";

/** Libraries that `kernels.py` knows. */
export type PythonLibrary = "numpy" | "torch";

/**
 * Starts a library on one thread.
 *
 * @returns The peer, or `undefined` where it is not installed.
 * @throws {Error} When it is installed in a form that is not worth comparing with.
 */
export async function pythonPeer(library: PythonLibrary): Promise<Peer | undefined> {
  const command = await findPython("numpy", library);
  if (command === undefined) return undefined;
  const process = new PythonProcess(command, "kernels.py", [library]);
  const { name, unable } = await process.receive<{ name: string; unable?: string }>();
  if (unable !== undefined) throw new Error(unable);
  const exchange = new Exchange();
  return {
    name,
    prepare: (work, inputs) => prepare(process, exchange, work, inputs),
    close: async () => {
      exchange[Symbol.dispose]();
      await process.close();
    },
  };
}

async function prepare(
  process: PythonProcess,
  exchange: Exchange,
  work: Work,
  inputs: Arrays,
): Promise<Task | string> {
  const files = inputs.map((data) => exchange.write(data));
  const description = work.kind === "conv2d"
    ? {
      kind: work.kind,
      shapes: convolutionShapes(work),
      stride: work.geometry.stride,
      padding: work.geometry.padding,
    }
    : work;
  const { unable } = await process.ask<{ unable?: string }>({
    do: "prepare",
    work: description,
    inputs: files,
  });
  if (unable !== undefined) return unable;
  const count = { gemm: 1, conv2d: 3, eigh: 2, inverse: 1 }[work.kind];
  return {
    time: async (runs) => {
      const { milliseconds } = await process.ask<{ milliseconds: number }>({ do: "time", runs });
      return milliseconds;
    },
    result: async () => {
      const outputs = Array.from({ length: count }, () => exchange.reserve());
      await process.ask({ do: "result", outputs });
      return outputs.map((file) => exchange.read(file));
    },
    close: () => {},
  };
}
