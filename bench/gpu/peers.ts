/**
 * Matrix products of other libraries on the same adapter.
 *
 * @module
 */

import { loadPackage } from "../peers/load_package.ts";
import type { Enqueued } from "./device.ts";

/** A library that multiplies on the GPU. */
export interface GpuPeer {
  /** `"jax-js 0.1.25"`. */
  readonly name: string;
  /** Takes over A and B, both [n, n]. */
  prepare(n: number, a: Float32Array, b: Float32Array): PeerProduct;
}

/** `C = A B` in another library. */
export interface PeerProduct extends Enqueued, Disposable {
  /** C of the last run. */
  readonly result: () => Promise<Float32Array>;
}

interface JaxArray {
  readonly ref: JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}

interface Jax {
  init(...devices: string[]): Promise<string[]>;
  defaultDevice(device: string): void;
  getWebGPUDevice(): GPUDevice;
  blockUntilReady<T>(tree: T): Promise<T>;
  jit(f: (a: JaxArray, b: JaxArray) => JaxArray[]): (a: JaxArray, b: JaxArray) => JaxArray[];
  readonly numpy: {
    array(data: Float32Array): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
  };
}

async function jax(): Promise<GpuPeer> {
  const library = await loadPackage<Jax>("npm:@jax-js/jax@0.1.25");
  const devices = await library.init("webgpu");
  if (!devices.includes("webgpu")) throw new Error("it finds no GPU");
  library.defaultDevice("webgpu");
  const multiply = library.jit((a, b) => [library.numpy.matmul(a, b)]);
  return {
    name: "jax-js 0.1.25",
    prepare(n, left, right) {
      const [a, b] = [left, right].map((data) => library.numpy.array(data).reshape([n, n]));
      // Work is begun when it is waited for, and never if its result has been disposed before.
      const results: JaxArray[] = [];
      const keep = (count: number): void =>
        results.splice(0, results.length - count).forEach((array) => array.dispose());
      return {
        run: () => void results.push(...multiply(a.ref, b.ref)),
        async wait() {
          await library.blockUntilReady(results);
          await library.getWebGPUDevice().queue.onSubmittedWorkDone();
          keep(1);
        },
        result: () => results[results.length - 1].ref.data(),
        [Symbol.dispose]() {
          keep(0);
          a.dispose();
          b.dispose();
        },
      };
    },
  };
}

interface Tensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}

interface TensorFlow {
  readonly env: () => { set(flag: string, value: boolean): void };
  setBackend(name: string): Promise<boolean>;
  backend(): { readonly device: GPUDevice; submitQueue(): void };
  tensor(data: Float32Array, shape: readonly number[]): Tensor;
  matMul(a: Tensor, b: Tensor): Tensor;
}

async function tensorflow(): Promise<GpuPeer> {
  const version = "4.22.0";
  const tf = await loadPackage<TensorFlow>(`npm:@tensorflow/tfjs@${version}`);
  await loadPackage(`npm:@tensorflow/tfjs-backend-webgpu@${version}`);
  // No checks, no advertisement for the Node.js binding.
  tf.env().set("PROD", true);
  if (!await tf.setBackend("webgpu")) throw new Error("it finds no GPU");
  const backend = tf.backend();
  return {
    name: `TensorFlow.js ${version}`,
    prepare(n, left, right) {
      const [a, b] = [left, right].map((data) => tf.tensor(data, [n, n]));
      let result: Tensor | undefined;
      return {
        run() {
          result?.dispose();
          result = tf.matMul(a, b);
        },
        wait() {
          backend.submitQueue();
          return backend.device.queue.onSubmittedWorkDone();
        },
        result: () => result!.data(),
        [Symbol.dispose]() {
          for (const tensor of [a, b, result]) tensor?.dispose();
        },
      };
    },
  };
}

/** Starts the libraries that run here; for the others `leave` is told why not. */
export async function startGpuPeers(leave: (reason: string) => void): Promise<GpuPeer[]> {
  const peers: GpuPeer[] = [];
  for (const [name, start] of [["jax-js", jax], ["TensorFlow.js", tensorflow]] as const) {
    try {
      peers.push(await start());
    } catch (error) {
      leave(`${name} left out: ${(error as Error).message}`);
    }
  }
  return peers;
}
