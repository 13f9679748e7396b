/**
 * This library, as one more peer.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import type { Matrix, OwnedMatrix } from "@tekfac/tekfac/core";
import { type Peer, type Task, timed } from "./peer.ts";
import { type Arrays, convolutionSizes, type Work } from "./work.ts";

/** A run and the matrices it leaves its results in. */
interface Program {
  readonly run: () => void;
  readonly results: readonly Matrix[];
}

/** Works on a backend, which stays the caller's. */
export function tekfacPeer(backend: Backend): Peer {
  return {
    name: `tekfac, ${backend.info.description}`,
    prepare: (work, inputs) => Promise.resolve(prepare(backend, work, inputs)),
    close: () => Promise.resolve(),
  };
}

function prepare(backend: Backend, work: Work, inputs: Arrays): Task {
  const owned: OwnedMatrix[] = [];
  const alloc = (rows: number, cols: number, data?: Float32Array): OwnedMatrix => {
    const matrix = backend.alloc(rows, cols);
    if (data !== undefined) backend.write(matrix, data);
    owned.push(matrix);
    return matrix;
  };
  const { run, results } = programOf(backend, work, inputs, alloc);
  return {
    time: (runs) => timed(runs, run),
    result: () => Promise.resolve(results.map((m) => Float32Array.from(backend.readSync(m)))),
    close: () => owned.forEach((matrix) => matrix[Symbol.dispose]()),
  };
}

function programOf(
  backend: Backend,
  work: Work,
  inputs: Arrays,
  alloc: (rows: number, cols: number, data?: Float32Array) => OwnedMatrix,
): Program {
  switch (work.kind) {
    case "gemm": {
      const [a, b] = inputs.map((data) => alloc(work.n, work.n, data));
      const c = alloc(work.n, work.n);
      return { run: () => backend.gemm(c, a, b), results: [c] };
    }
    case "conv2d": {
      const { N, T, dIn, dOut } = convolutionSizes(work);
      const { geometry } = work;
      const pixels = N * geometry.height * geometry.width;
      const images = alloc(pixels, geometry.channels, inputs[0]);
      const weights = alloc(dOut, dIn, inputs[1]);
      const g = alloc(N * T, dOut, inputs[2]);
      const out = alloc(N * T, dOut);
      const imageGradient = alloc(pixels, geometry.channels);
      const weightGradient = alloc(dOut, dIn);
      return {
        run: () => {
          backend.conv2d(out, images, weights, geometry);
          backend.conv2dDataGradient(imageGradient, g, weights, geometry);
          backend.conv2dWeightGradient(weightGradient, images, g, geometry);
        },
        results: [out, imageGradient, weightGradient],
      };
    }
    case "eigh": {
      const { n } = work;
      const matrix = alloc(n, n, inputs[0]);
      const [values, vectors, status] = [alloc(1, n), alloc(n, n), alloc(1, 3)];
      return {
        run: () => backend.eigh([{ matrix, values, vectors, status }]),
        results: [values, vectors],
      };
    }
    case "inverse": {
      const { n } = work;
      const [x, out, status] = [alloc(n, n, inputs[0]), alloc(n, n), alloc(1, 1)];
      return {
        run: () => backend.choleskyInverse(out, x, 1, 0, status),
        results: [out],
      };
    }
  }
}
