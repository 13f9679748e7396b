/**
 * jax-js on its WebAssembly backend, which uses as many threads as there are cores.
 *
 * Its arrays are consumed by the functions they are given to; `ref` hands over a second reference.
 *
 * @module
 */

import { loadPackage } from "./load_package.ts";
import { CHANNELS_FIRST, CHANNELS_LAST, type Peer, type Task, timed, transposed } from "./peer.ts";
import { type Arrays, convolutionShapes, type Work } from "./work.ts";

interface JaxArray {
  readonly ref: JaxArray;
  readonly shape: number[];
  reshape(shape: readonly number[]): JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Program = (...inputs: JaxArray[]) => JaxArray[];

interface Jax {
  init(...devices: string[]): Promise<string[]>;
  defaultDevice(device: string): void;
  jit(f: Program): Program & Disposable;
  blockUntilReady<T>(tree: T): Promise<T>;
  vjp(
    f: (...x: JaxArray[]) => JaxArray,
    at: JaxArray[],
  ): [JaxArray, ((g: JaxArray) => JaxArray[]) & { dispose(): void }];
  readonly numpy: {
    array(data: Float32Array): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    readonly linalg: {
      eigh(x: JaxArray): [values: JaxArray, vectors: JaxArray];
      inv(x: JaxArray): JaxArray;
    };
  };
  readonly lax: {
    convGeneralDilated(
      images: JaxArray,
      weights: JaxArray,
      stride: number[],
      padding: [number, number][],
    ): JaxArray;
  };
}

/** Larger eigenproblems take minutes. */
const LARGEST_EIGH = 512;

/** Starts jax-js. */
export async function jaxPeer(): Promise<Peer> {
  const jax = await loadPackage<Jax>("npm:@jax-js/jax@0.1.25");
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  return {
    name: "jax-js 0.1.25, wasm",
    prepare: (work, inputs) => Promise.resolve(prepare(jax, work, inputs)),
    close: () => Promise.resolve(),
  };
}

function prepare(jax: Jax, work: Work, inputs: Arrays): Task | string {
  if (work.kind === "eigh" && work.n > LARGEST_EIGH) return "left out: takes minutes";
  const arrays = upload(jax, work, inputs);
  const run = programOf(jax, work);
  let results: JaxArray[] = [];
  const forget = (): void => {
    results.forEach((array) => array.dispose());
    results = [];
  };
  return {
    time: (runs) =>
      timed(runs, async () => {
        forget();
        results = await jax.blockUntilReady(run(...arrays.map((array) => array.ref)));
      }),
    result: () =>
      Promise.all(results.map(async (array) => {
        const data = await array.ref.data();
        return work.kind === "conv2d" ? transposed(data, array.shape, CHANNELS_LAST) : data;
      })),
    close: () => {
      forget();
      arrays.forEach((array) => array.dispose());
    },
  };
}

/** Inputs in the layout that jax-js knows: channels first. */
function upload(jax: Jax, work: Work, inputs: Arrays): JaxArray[] {
  return inputs.map((data, i) => {
    if (work.kind !== "conv2d") return jax.numpy.array(data).reshape([work.n, work.n]);
    const shape = convolutionShapes(work)[i];
    const first = transposed(data, shape, CHANNELS_FIRST);
    return jax.numpy.array(first).reshape(CHANNELS_FIRST.map((axis) => shape[axis]));
  });
}

function programOf(jax: Jax, work: Work): Program {
  const { numpy, lax } = jax;
  switch (work.kind) {
    case "gemm":
      return jax.jit((a, b) => [numpy.matmul(a, b)]);
    case "conv2d": {
      const { stride, padding } = work.geometry;
      const sides = padding.map((p): [number, number] => [p, p]);
      const convolve = (x: JaxArray, w: JaxArray): JaxArray =>
        lax.convGeneralDilated(x, w, [...stride], sides);
      return jax.jit((x, w, g) => {
        const [y, back] = jax.vjp(convolve, [x, w]);
        const gradients = back(g);
        back.dispose();
        return [y, ...gradients];
      });
    }
    case "eigh":
      return (x) => numpy.linalg.eigh(x);
    case "inverse":
      return (x) => [numpy.linalg.inv(x)];
  }
}
