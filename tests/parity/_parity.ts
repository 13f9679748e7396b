/**
 * Comparing the WebAssembly kernels, in both builds and on several threads, with the reference
 * backend; with the argument `--webgpu` (`deno task test:gpu`) the kernels of the GPU instead, on
 * whatever adapter there is.
 *
 * @module
 */

import {
  type Backend,
  batchNormVerbs,
  CheckedBackend,
  createBackend,
  createBackendSync,
  createThreadedKernels,
  densityLossVerbs,
  depthwiseVerbs,
  sequenceVerbs,
  type SimdFlavour,
} from "@tekfac/tekfac/backend";
import { type Matrix, Random } from "@tekfac/tekfac/core";
import { type DenseMatrix, denseMatrix } from "@tekfac/tekfac/linalg";
import { allClose, gpuProblem, randomMatrix, upload, uploadStrided } from "@tekfac/tekfac/testing";

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
  /** What is allowed instead where there is no float64, on a GPU. */
  readonly webgpu?: { readonly absolute?: number; readonly relative?: number };
}

/** Compares calls on one build with the reference backend. */
export type Check = (parityCase: ParityCase) => void;

/** The builds, and one of them on three threads that share even the smallest verbs. */
export type Flavour = SimdFlavour | "threads";

const FLAVOURS: readonly Flavour[] = ["relaxed", "baseline", "threads"];

/** Whether the GPU is compared, and not WebAssembly. */
const ON_GPU = Deno.args.includes("--webgpu");

/** Why the GPU cannot be compared on this host, if so. */
const GPU_PROBLEM = ON_GPU ? await gpuProblem() : undefined;

/** Seed of the inputs of every test. */
const SEED = 20_13609;

/**
 * Registers a test for each flavour: `body` makes calls through `check`, which makes each of them twice,
 * on contiguous matrices and on views with gaps full of NaN.
 */
export function parity(name: string, body: (check: Check, random: Random) => void): void {
  if (ON_GPU) return gpuParity(name, body);
  for (const flavour of FLAVOURS) {
    Deno.test(`${name} [wasm ${flavour}]`, () => {
      using wasm = wasmBackend(flavour);
      using reference = createBackendSync({ prefer: ["reference"] });
      body((parityCase) => {
        const expected = resultsOf(reference, parityCase, false, read);
        for (const strided of [false, true]) {
          const actual = resultsOf(wasm, parityCase, strided, read);
          compare(parityCase, strided, actual, expected);
        }
      }, new Random(SEED));
      checkDisposed(name, wasm);
    });
  }
}

/** The same on the GPU only: all calls are enqueued before the first result is waited for. */
export function gpuParity(name: string, body: (check: Check, random: Random) => void): void {
  gpuTest(name, async (gpu) => {
    using reference = createBackendSync({ prefer: ["reference"] });
    const comparisons: Promise<void>[] = [];
    body((parityCase) => {
      const expected = resultsOf(reference, parityCase, false, read);
      for (const strided of [false, true]) {
        const pending = resultsOf(gpu, parityCase, strided, (backend, m) => backend.read(m));
        comparisons.push(
          Promise.all(pending).then((actual) => {
            compare({ ...parityCase, ...parityCase.webgpu }, strided, actual, expected);
          }),
        );
      }
    }, new Random(SEED));
    await Promise.all(comparisons);
  });
}

const read = (backend: Backend, m: Matrix): ArrayLike<number> => backend.readSync(m);

function compare(
  { label, absolute = 0, relative = 0 }: ParityCase,
  strided: boolean,
  actual: readonly ArrayLike<number>[],
  expected: readonly ArrayLike<number>[],
): void {
  actual.forEach((numbers, i) => {
    const where = `${label}${strided ? ", strided" : ""}, output ${i}, seed ${SEED}`;
    allClose(numbers, expected[i], { absolute, relative, label: where });
  });
}

function checkDisposed(name: string, backend: Backend): void {
  const { handles } = backend.memory();
  if (handles > 0) throw new Error(`${name}: ${handles} matrices were not disposed`);
}

/** The WebAssembly backend in one flavour. */
export function wasmBackend(flavour: Flavour): Backend {
  const backend = flavour !== "threads"
    ? createBackendSync({ prefer: ["wasm"], simd: flavour })
    : new CheckedBackend(createThreadedKernels({ threads: 3, grain: 0 }), []);
  for (const extension of [sequenceVerbs, batchNormVerbs, depthwiseVerbs, densityLossVerbs]) {
    backend.extend(extension);
  }
  return backend;
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

/** Makes the call; what is read of its outputs, by `take`. */
function resultsOf<R>(
  backend: Backend,
  parityCase: ParityCase,
  strided: boolean,
  take: (backend: Backend, output: Matrix) => R,
): R[] {
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
    return outputs.map((output) => take(backend, output));
  } finally {
    for (const owner of owners) owner[Symbol.dispose]();
  }
}

/** Registers a test of the GPU, run by `deno task test:gpu` only. */
export function gpuTest(name: string, body: (gpu: Backend) => Promise<void>): void {
  if (!ON_GPU) return;
  const why = GPU_PROBLEM === undefined ? "" : `: ${GPU_PROBLEM}`;
  Deno.test({
    name: `${name} [webgpu${why}]`,
    ignore: GPU_PROBLEM !== undefined,
    fn: async () => {
      using gpu = await createBackend({ prefer: ["webgpu"], allowSoftware: true });
      await body(gpu);
      checkDisposed(name, gpu);
    },
  });
}
