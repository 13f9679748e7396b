/**
 * TensorFlow.js on its WebAssembly backend: the transformer by its operations, Adam by its own class, and what makes it
 * AdamW beside it.
 *
 * @module
 */

import { textRecipe } from "@tekfac/tekfac/training";
import { loadPackage } from "../peers/load_package.ts";
import { ADAMW } from "./model.ts";
import type { PeerSetup, StepPeer } from "./peer.ts";

/** What is used of a tensor. */
interface Tensor {
  readonly shape: readonly number[];
  dataSync(): ArrayLike<number>;
  dispose(): void;
  add(other: Tensor | number): Tensor;
  sub(other: Tensor): Tensor;
  mul(other: Tensor | number): Tensor;
  div(other: Tensor): Tensor;
  sum(axis?: number): Tensor;
  mean(axis: number, keepDims: boolean): Tensor;
  square(): Tensor;
  sqrt(): Tensor;
  rsqrt(): Tensor;
  erf(): Tensor;
  reshape(shape: readonly number[]): Tensor;
  transpose(order: readonly number[]): Tensor;
  logSumExp(axis: number): Tensor;
  softmax(): Tensor;
}

interface Variable extends Tensor {
  readonly name: string;
  assign(value: Tensor): void;
}

type Named = Record<string, Tensor>;

interface TensorFlow {
  readonly version_core: string;
  env(): { set(flag: string, value: boolean): void };
  setBackend(name: string): Promise<boolean>;
  tensor(data: Float32Array | Int32Array, shape: readonly number[], dtype?: string): Tensor;
  variable(initial: Tensor): Variable;
  tidy<T>(body: () => T): T;
  matMul(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor;
  oneHot(tokens: Tensor, depth: number): Tensor;
  split(x: Tensor, parts: number, axis: number): Tensor[];
  addN(tensors: Tensor[]): Tensor;
  minimum(a: number, b: Tensor): Tensor;
  variableGrads(f: () => Tensor, variables: Variable[]): { value: Tensor; grads: Named };
  dispose(tensors: unknown): void;
  readonly train: {
    adam(rate: number, beta1: number, beta2: number, epsilon: number): {
      applyGradients(gradients: Named): void;
      dispose(): void;
    };
  };
}

/** Kernel [dOut, dIn] and bias; scales and shifts; a table alone. */
type Part = readonly [Variable, Variable?];

/** Starts TensorFlow.js. */
export async function startTensorflow(setup: PeerSetup): Promise<StepPeer | string> {
  const version = "4.22.0";
  let tf: TensorFlow;
  try {
    tf = await loadPackage<TensorFlow>(`npm:@tensorflow/tfjs@${version}`);
    await loadPackage(`npm:@tensorflow/tfjs-backend-wasm@${version}`);
  } catch (error) {
    return (error as Error).message;
  }
  // No checks, no advertisement for the Node.js binding.
  tf.env().set("PROD", true);
  await tf.setBackend("wasm");
  const parts = partsOf(tf, setup);
  const all = parts.flatMap((part) => part.flatMap((variable) => variable ?? []));
  // As for our own: neither biases nor normalisations.
  const decayed = parts.flatMap(([weights]) => weights.shape.length === 2 ? [weights] : []);
  const { learningRate, beta1, beta2, decay, clip } = ADAMW;
  const adam = tf.train.adam(learningRate, beta1, beta2, 1e-8);
  const { context, batchSize } = textRecipe;
  const batches = setup.batches.map(({ inputs, targets }) =>
    [inputs, targets].map((tokens) =>
      tf.tensor(Int32Array.from(tokens), [batchSize * context], "int32")
    )
  );
  const takeStep = (batch: number): Tensor => {
    const [inputs, targets] = batches[batch];
    const { value, grads } = tf.variableGrads(
      () => lossOf(tf, parts, setup.vocabulary, inputs, targets),
      all,
    );
    tf.tidy(() => {
      const norm = tf.addN(Object.values(grads).map((g) => g.square().sum())).sqrt();
      const share = tf.minimum(1, norm.add(1e-6).rsqrt().square().mul(clip));
      for (const weights of decayed) weights.assign(weights.mul(1 - learningRate * decay));
      const clipped = Object.entries(grads).map(([name, g]) => [name, g.mul(share)] as const);
      adam.applyGradients(Object.fromEntries(clipped));
    });
    tf.dispose(grads);
    return value;
  };
  return {
    name: `TensorFlow.js ${tf.version_core}, wasm, 1 thread`,
    step(batch) {
      const start = performance.now();
      const value = takeStep(batch);
      // Its WebAssembly backend computes at once; nothing is left to be waited for.
      const [loss] = Array.from(value.dataSync());
      const milliseconds = performance.now() - start;
      value.dispose();
      return Promise.resolve({ loss, milliseconds });
    },
    close() {
      adam.dispose();
      tf.dispose([all, batches]);
      return Promise.resolve();
    },
  };
}

function partsOf(tf: TensorFlow, { weights, vocabulary }: PeerSetup): Part[] {
  const { width } = textRecipe;
  return weights.map(({ numbers, rows, cols }, index): Part => {
    const variable = (shape: number[], at: (i: number) => number) => {
      const size = shape.reduce((product, n) => product * n, 1);
      const values = Float32Array.from({ length: size }, (_, i) => numbers[at(i)]);
      return tf.variable(tf.tensor(values, shape));
    };
    const table = index < 2 || index === weights.length - 1 || rows === vocabulary;
    if (table) return [variable([rows, cols], (i) => i)];
    if (rows === 2) return [variable([width], (i) => i), variable([width], (i) => width + i)];
    const dIn = cols - 1;
    return [
      variable([rows, dIn], (i) => Math.floor(i / dIn) * cols + i % dIn),
      variable([rows], (i) => i * cols + dIn),
    ];
  });
}

function lossOf(
  tf: TensorFlow,
  parts: readonly Part[],
  vocabulary: number,
  inputs: Tensor,
  targets: Tensor,
): Tensor {
  const { layers, heads, context, width, batchSize } = textRecipe;
  const affine = (x: Tensor, [w, b]: Part): Tensor => {
    const z = tf.matMul(x, w, false, true);
    return b === undefined ? z : z.add(b);
  };
  const norm = (x: Tensor, [scale, shift]: Part): Tensor => {
    const centred = x.sub(x.mean(-1, true));
    const deviation = centred.square().mean(-1, true).add(1e-5).rsqrt();
    return centred.mul(deviation).mul(scale).add(shift!);
  };
  const perHead = (x: Tensor): Tensor =>
    x.reshape([batchSize, context, heads, width / heads]).transpose([0, 2, 1, 3]);
  const hidden = Array.from(
    { length: context ** 2 },
    (_, i) => i % context > i / context ? -1e9 : 0,
  );
  const mask = tf.tensor(Float32Array.from(hidden), [context, context]);
  const attend = (qkv: Tensor): Tensor => {
    const [q, k, v] = tf.split(qkv, 3, 1).map(perHead);
    const scores = tf.matMul(q, k, false, true).mul(1 / Math.sqrt(width / heads)).add(mask);
    return tf.matMul(scores.softmax(), v, false, false)
      .transpose([0, 2, 1, 3]).reshape([batchSize * context, width]);
  };
  const gelu = (x: Tensor): Tensor => x.mul(x.mul(Math.SQRT1_2).erf().add(1)).mul(0.5);

  // Its WebAssembly backend has no gradient of looking rows up.
  const tokens = tf.matMul(tf.oneHot(inputs, vocabulary), parts[0][0], false, false);
  let x = tokens.reshape([batchSize, context, width]).add(parts[1][0])
    .reshape([batchSize * context, width]);
  for (let layer = 0; layer < layers; layer++) {
    const [norm1, qkv, out, norm2, up, down] = parts.slice(2 + 6 * layer, 8 + 6 * layer);
    x = x.add(affine(attend(affine(norm(x, norm1), qkv)), out));
    x = x.add(affine(gelu(affine(norm(x, norm2), up)), down));
  }
  const [last, head] = parts.slice(-2);
  const logits = affine(norm(x, last), head);
  const right = logits.mul(tf.oneHot(targets, vocabulary)).sum(1);
  return logits.logSumExp(1).sub(right).sum().mul(1 / (batchSize * context));
}
