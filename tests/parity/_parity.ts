/**
 * Comparing the WebAssembly kernels, in both builds and on several threads, with the reference
 * backend.
 *
 * @module
 */

import {
  type Backend,
  CheckedBackend,
  createBackendSync,
  createWasmKernels,
  type SimdFlavour,
} from "@tekfac/tekfac/backend";
import { type Matrix, Random } from "@tekfac/tekfac/core";
import { type DenseMatrix, denseMatrix } from "@tekfac/tekfac/linalg";
import { allClose, download, randomMatrix, upload, uploadStrided } from "@tekfac/tekfac/testing";

/** Unit roundoff of float32. */
export const ROUNDOFF = 2 ** -24;

/** One call of a verb, to be made on two backends. */
export interface ParityCase {
  /** Shown when it fails. */
  readonly label: string;
  /** What the outputs hold before the call; NaN must not be read. */
  readonly outputs: readonly DenseMatrix[];
  /** Numbers that are exact in float32. */
  readonly inputs: readonly DenseMatrix[];
  /** The call. */
  readonly call: (
    backend: Backend,
    outputs: readonly Matrix[],
    inputs: readonly Matrix[],
  ) => void;
  /** Allowed absolute error. */
  readonly absolute?: number;
  /** Allowed relative error. */
  readonly relative?: number;
}

/** Compares calls on one build with the reference backend. */
export type Check = (parityCase: ParityCase) => void;

/** The builds, and one of them on three threads that share even the smallest verbs. */
export type Flavour = SimdFlavour | "threads";

const FLAVOURS: readonly Flavour[] = ["relaxed", "baseline", "threads"];

/**
 * Registers a test for each flavour: `body` makes calls through `check`, which makes each of them twice,
 * on contiguous matrices and on views with gaps full of NaN.
 */
export function parity(name: string, body: (check: Check, random: Random) => void): void {
  for (const flavour of FLAVOURS) {
    Deno.test(`${name} [wasm ${flavour}]`, () => {
      const seed = 20_13609;
      using wasm = wasmBackend(flavour);
      using reference = createBackendSync({ prefer: ["reference"] });
      body((parityCase) => {
        const expected = results(reference, parityCase, false);
        for (const strided of [false, true]) {
          const { label, absolute = 0, relative = 0 } = parityCase;
          results(wasm, parityCase, strided).forEach((actual, i) => {
            const where = `${label}${strided ? ", strided" : ""}, output ${i}, seed ${seed}`;
            allClose(actual, expected[i], { absolute, relative, label: where });
          });
        }
      }, new Random(seed));
      const { handles } = wasm.memory();
      if (handles > 0) throw new Error(`${name}: ${handles} matrices were not disposed`);
    });
  }
}

/** The WebAssembly backend in one flavour. */
export function wasmBackend(flavour: Flavour): Backend {
  if (flavour !== "threads") return createBackendSync({ prefer: ["wasm"], simd: flavour });
  return new CheckedBackend(createWasmKernels({ threads: 3, grain: 0 }), []);
}

/** Standard normal numbers, rounded to float32. */
export function inputs(random: Random, rows: number, cols: number): DenseMatrix {
  return rounded(randomMatrix(random, rows, cols));
}

/** The same numbers, rounded to float32. */
export function rounded(x: DenseMatrix): DenseMatrix {
  return denseMatrix(x.rows, x.cols, Float64Array.from(x.data, Math.fround));
}

/** A matrix full of NaN: an output that must not be read. */
export function unread(rows: number, cols: number): DenseMatrix {
  return denseMatrix(rows, cols, new Float64Array(rows * cols).fill(NaN));
}

function results(backend: Backend, parityCase: ParityCase, strided: boolean): Float64Array[] {
  const owners: Disposable[] = [];
  const place = (x: DenseMatrix): Matrix => {
    if (!strided || x.rows <= 1) {
      const matrix = upload(backend, x);
      owners.push(matrix);
      return matrix;
    }
    const { owner, view } = uploadStrided(backend, x);
    owners.push(owner);
    return view;
  };
  try {
    const outputs = parityCase.outputs.map(place);
    parityCase.call(backend, outputs, parityCase.inputs.map(place));
    return outputs.map((output) => download(backend, output).data);
  } finally {
    for (const owner of owners) owner[Symbol.dispose]();
  }
}
