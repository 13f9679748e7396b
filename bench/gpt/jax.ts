/**
 * jax-js on its WebAssembly backend: the transformer by its functions, one program compiled by `jit` for the whole step.
 *
 * @module
 */

import { textRecipe } from "@tekfac/tekfac/training";
import { loadPackage } from "../peers/load_package.ts";
import { ADAMW } from "./model.ts";
import type { PeerSetup, StepPeer } from "./peer.ts";

/** What is used of an array; a function consumes what it is given, unless that is its `ref`. */
interface JaxArray {
  readonly ref: JaxArray;
  readonly shape: number[];
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  data(): Promise<ArrayLike<number>>;
  dispose(): void;
}

/** Kernel [dIn, dOut] and bias, scales and shifts, or a table alone, side by side for all layers. */
type Arrays = JaxArray[];

/** Weights, and Adam's two averages of each. */
interface State {
  readonly weights: Arrays;
  readonly first: Arrays;
  readonly second: Arrays;
}

interface Jax {
  init(...devices: string[]): Promise<string[]>;
  defaultDevice(device: string): void;
  jit<T>(f: (...args: never[]) => T): (...args: unknown[]) => T;
  blockUntilReady<T>(tree: T): Promise<T>;
  valueAndGrad(
    f: (weights: Arrays, inputs: JaxArray, targets: JaxArray) => JaxArray,
  ): (weights: Arrays, inputs: JaxArray, targets: JaxArray) => [JaxArray, Arrays];
  readonly numpy: {
    array(data: Float32Array | Int32Array): JaxArray;
    zeros(shape: readonly number[]): JaxArray;
    dot(a: JaxArray, b: JaxArray): JaxArray;
    take(table: JaxArray, rows: JaxArray, axis: number): JaxArray;
    split(x: JaxArray, parts: number, axis: number): JaxArray[];
    sum(x: JaxArray, axis?: number): JaxArray;
    mean(x: JaxArray): JaxArray;
    square(x: JaxArray): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    minimum(a: JaxArray | number, b: JaxArray): JaxArray;
    reciprocal(x: JaxArray): JaxArray;
  };
  readonly nn: {
    standardize(x: JaxArray, axis: number, options: { epsilon: number }): JaxArray;
    gelu(x: JaxArray, options: { approximate: boolean }): JaxArray;
    logSoftmax(x: JaxArray): JaxArray;
    oneHot(x: JaxArray, count: number): JaxArray;
    dotProductAttention(
      q: JaxArray,
      k: JaxArray,
      v: JaxArray,
      options: { isCausal: boolean },
    ): JaxArray;
  };
}

const VERSION = "0.1.25";

/** Starts jax-js. */
export async function startJax(setup: PeerSetup): Promise<StepPeer | string> {
  let jax: Jax;
  try {
    jax = await loadPackage<Jax>(`npm:@jax-js/jax@${VERSION}`);
  } catch (error) {
    return (error as Error).message;
  }
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  const { numpy: np } = jax;
  const { arrays, decayed } = arraysOf(jax, setup);
  const zeros = () => arrays.map(({ shape }) => np.zeros(shape));
  let state: State = { weights: arrays, first: zeros(), second: zeros() };
  const { context, batchSize } = textRecipe;
  const batches = setup.batches.map(({ inputs, targets }) =>
    [inputs, targets].map((tokens) =>
      np.array(Int32Array.from(tokens)).reshape([batchSize, context])
    )
  );
  const run = jax.jit(adamStep(jax, setup, decayed));
  const { beta1, beta2 } = ADAMW;
  let step = 0;
  return {
    name: `jax-js ${VERSION}, wasm, as many threads as cores`,
    async step(batch) {
      const start = performance.now();
      step++;
      const corrections = np.array(Float32Array.of(1 - beta1 ** step, 1 - beta2 ** step));
      const [inputs, targets] = batches[batch].map((tokens) => tokens.ref);
      const { loss, ...next } = run(state, corrections, inputs, targets);
      await jax.blockUntilReady(next);
      const [value] = Array.from(await loss.data());
      const milliseconds = performance.now() - start;
      state = next;
      return { loss: value, milliseconds };
    },
    close() {
      for (const array of [...Object.values(state), ...batches].flat()) array.dispose();
      return Promise.resolve();
    },
  };
}

/** One array for each kernel, bias, scale, shift and table, and which of them decay. */
function arraysOf({ numpy: np }: Jax, { weights, vocabulary }: PeerSetup) {
  const decayed: boolean[] = [];
  const arrays = weights.flatMap(({ numbers, rows, cols }, index) => {
    const array = (shape: number[], at: (i: number) => number): JaxArray => {
      decayed.push(shape.length === 2);
      const size = shape.reduce((product, n) => product * n, 1);
      const values = Float32Array.from({ length: size }, (_, i) => numbers[at(i)]);
      return np.array(values).reshape(shape);
    };
    if (index < 2) return [array([rows, cols], (i) => i)];
    if (rows === 2) return [array([cols], (i) => i), array([cols], (i) => cols + i)];
    const bias = rows !== vocabulary;
    const dIn = cols - (bias ? 1 : 0);
    const kernel = array([dIn, rows], (i) => i % rows * cols + Math.floor(i / rows));
    return bias ? [kernel, array([rows], (i) => i * cols + dIn)] : [kernel];
  });
  return { arrays, decayed };
}

function adamStep(jax: Jax, setup: PeerSetup, decayed: readonly boolean[]) {
  const { numpy: np } = jax;
  const { learningRate, beta1, beta2, decay, clip } = ADAMW;
  const differentiate = jax.valueAndGrad((weights, inputs, targets) =>
    lossOf(jax, weights, setup.vocabulary, inputs, targets)
  );
  return ({ weights, first, second }: State, corrections: JaxArray, x: JaxArray, y: JaxArray) => {
    const [loss, gradients] = differentiate(weights.map((w) => w.ref), x, y);
    const squares = gradients.map((g) => np.sum(np.square(g.ref)));
    const norm = np.sqrt(squares.reduce((sum, square) => sum.add(square)));
    const share = np.minimum(1, np.reciprocal(norm.add(1e-6)).mul(clip));
    const [one, two] = np.split(corrections, 2, 0);
    const next = weights.map((w, i) => {
      const g = gradients[i].mul(share.ref);
      const m = first[i].mul(beta1).add(g.ref.mul(1 - beta1));
      const v = second[i].mul(beta2).add(np.square(g).mul(1 - beta2));
      const size = np.sqrt(v.ref.div(two.ref)).add(1e-8);
      const direction = m.ref.div(one.ref).div(size).mul(learningRate);
      const kept = decayed[i] ? w.mul(1 - learningRate * decay) : w;
      return { w: kept.sub(direction), m, v };
    });
    for (const array of [share, one, two]) array.dispose();
    return {
      loss,
      weights: next.map(({ w }) => w),
      first: next.map(({ m }) => m),
      second: next.map(({ v }) => v),
    };
  };
}

/** Of weights that it consumes. */
function lossOf(
  { numpy: np, nn }: Jax,
  weights: Arrays,
  vocabulary: number,
  inputs: JaxArray,
  targets: JaxArray,
): JaxArray {
  const { layers, heads, width } = textRecipe;
  const [n, t] = inputs.shape;
  const left = [...weights];
  const next = (): JaxArray => left.shift()!;
  const affine = (x: JaxArray): JaxArray => np.dot(x, next()).add(next());
  const norm = (x: JaxArray): JaxArray =>
    nn.standardize(x, -1, { epsilon: 1e-5 }).mul(next()).add(next());
  const attend = (qkv: JaxArray): JaxArray => {
    const [q, k, v] = np.split(qkv, 3, -1).map((x) => x.reshape([n, t, heads, width / heads]));
    return nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([n, t, width]);
  };
  let x = np.take(next(), inputs, 0).add(next());
  for (let layer = 0; layer < layers; layer++) {
    x = x.ref.add(affine(attend(affine(norm(x)))));
    x = x.ref.add(affine(nn.gelu(affine(norm(x)), { approximate: false })));
  }
  const logits = np.dot(norm(x), next());
  const right = nn.logSoftmax(logits).mul(nn.oneHot(targets, vocabulary));
  return np.mean(np.sum(right, -1)).mul(-1);
}
