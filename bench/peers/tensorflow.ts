/**
 * TensorFlow.js on its plain JavaScript and its WebAssembly backend.
 *
 * @module
 */

import { loadPackage } from "./load_package.ts";
import { type Peer, type Task, timed, transposed } from "./peer.ts";
import { type Arrays, convolutionShapes, type Work } from "./work.ts";

interface Tensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}

interface TensorFlow {
  readonly env: () => { set(flag: string, value: boolean): void };
  setBackend(name: string): Promise<boolean>;
  tensor(data: Float32Array, shape: readonly number[]): Tensor;
  tidy<T>(body: () => T): T;
  keep(tensor: Tensor): Tensor;
  matMul(a: Tensor, b: Tensor): Tensor;
  conv2d(x: Tensor, w: Tensor, stride: readonly number[], padding: number): Tensor;
  grads(f: (x: Tensor, w: Tensor) => Tensor): (at: Tensor[], g: Tensor) => Tensor[];
}

/** Backends that can be compared. */
export type TensorFlowBackend = "cpu" | "wasm";

const VERSION = "4.22.0";

/** The order of axes in our weights [dOut, row, column, C] that makes TensorFlow's [row, column, C, dOut]. */
const FILTER = [1, 2, 3, 0] as const;

/** The way back. */
const FILTER_BACK = [3, 0, 1, 2] as const;

/** Starts TensorFlow.js. */
export async function tensorflowPeer(backend: TensorFlowBackend): Promise<Peer> {
  const tf = await loadPackage<TensorFlow>(`npm:@tensorflow/tfjs@${VERSION}`);
  if (backend === "wasm") await loadPackage(`npm:@tensorflow/tfjs-backend-wasm@${VERSION}`);
  // No checks, no advertisement for the Node.js binding.
  tf.env().set("PROD", true);
  return {
    name: `TensorFlow.js ${VERSION}, ${backend}`,
    prepare: async (work, inputs) => {
      if (work.kind === "eigh" || work.kind === "inverse") return "has no such function";
      if (work.kind === "conv2d" && backend === "wasm") return "cannot train convolutions";
      // Backends are global: the one that was started last would win.
      await tf.setBackend(backend);
      return prepare(tf, work, inputs);
    },
    close: () => Promise.resolve(),
  };
}

function prepare(tf: TensorFlow, work: Work, inputs: Arrays): Task {
  const tensors = upload(tf, work, inputs);
  const run = programOf(tf, work, tensors);
  let results: Tensor[] = [];
  const forget = (): void => {
    results.forEach((tensor) => tensor.dispose());
    results = [];
  };
  return {
    time: (runs) =>
      timed(runs, () => {
        forget();
        results = run();
      }),
    result: async () => {
      const numbers = await Promise.all(results.map((tensor) => tensor.data()));
      if (work.kind !== "conv2d") return numbers;
      const [out, images, filter] = numbers;
      const [, weights] = convolutionShapes(work);
      const shape = FILTER.map((axis) => weights[axis]);
      return [out, images, transposed(filter, shape, FILTER_BACK)];
    },
    close: () => {
      forget();
      tensors.forEach((tensor) => tensor.dispose());
    },
  };
}

/** Images are channels-last as ours; filters are not. */
function upload(tf: TensorFlow, work: Work, inputs: Arrays): Tensor[] {
  if (work.kind !== "conv2d") return inputs.map((data) => tf.tensor(data, [work.n, work.n]));
  const shapes = convolutionShapes(work);
  return inputs.map((data, i) =>
    i === 1
      ? tf.tensor(transposed(data, shapes[1], FILTER), FILTER.map((axis) => shapes[1][axis]))
      : tf.tensor(data, shapes[i])
  );
}

function programOf(tf: TensorFlow, work: Work, tensors: readonly Tensor[]): () => Tensor[] {
  if (work.kind !== "conv2d") {
    const [a, b] = tensors;
    return () => [tf.matMul(a, b)];
  }
  const [x, w, g] = tensors;
  const { stride, padding } = work.geometry;
  return () =>
    tf.tidy(() => {
      let out: Tensor | undefined;
      const differentiate = tf.grads((images, filter) => {
        out = tf.keep(tf.conv2d(images, filter, stride, padding[0]));
        return out;
      });
      const gradients = differentiate([x, w], g);
      return [out!, ...gradients];
    });
}
