/**
 * The same network twice: a model of TensorFlow.js, and one of `nn` with equal weights.
 *
 * The names of these files do not end in `_test.ts`: they need a framework, and are run by
 * `deno task test:adapters`.
 */
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
import {
  type Backend,
  conv2d,
  dense,
  flatten,
  type LayerSpec,
  objective,
  optimizers,
  relu,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac";
import { leavesCaptures, Random } from "@tekfac/tekfac/core";
import { embedding, layerNorm } from "@tekfac/tekfac/nn";
import { TekfacOptimizer, type TekfacOptimizerOptions } from "@tekfac/tekfac/tfjs";

/**
 * Examples in a batch: no layer has more inputs. Where one has, its factor has a null space, in which
 * rounding chooses the eigenvectors and with them what eigenvalues are measured in later steps.
 */
export const N = 48;
/** Steps that are compared. */
export const STEPS = 20;

/** A network, as both sides say it. */
export interface Twin {
  /** Shape of one example. */
  readonly input: readonly number[];
  /** Layers of the framework, without an input shape; or a model of them, whose weighted layers `weighted` lists. */
  readonly tfjs: () => tfl.layers.Layer[] | {
    readonly model: tfl.LayersModel;
    readonly weighted: readonly tfl.layers.Layer[];
  };
  /** How many weights each parameter of `nn` is, where that is not what each layer has. */
  readonly counts?: readonly number[];
  /** Layers of `nn`. */
  readonly nn: readonly LayerSpec[];
  /** Integers below this in the place of numbers: tokens. */
  readonly tokens?: number;
  /** Shape and numbers of what `nn` sees, where it is not the same. */
  readonly seenByNn?: {
    readonly shape: readonly number[];
    readonly of: (inputs: Float32Array) => Float32Array;
  };
  /** Classes, the number of outputs. */
  readonly classes: number;
  /** Method and options of both sides. */
  readonly options?: TekfacOptimizerOptions;
}

/** Dense layers, one without a bias. */
export const DENSE: Twin = {
  input: [6],
  classes: 3,
  tfjs: () => [
    tfl.layers.dense({ units: 10, activation: "tanh" }),
    tfl.layers.dense({ units: 8, activation: "relu", useBias: false }),
    tfl.layers.dense({ units: 3 }),
  ],
  nn: [dense(10), tanh(), dense(8, { bias: false }), relu(), dense(3)],
};

/** Convolutions with padding and with strides. */
export const CONVOLUTIONS: Twin = {
  input: [7, 9, 2],
  classes: 3,
  tfjs: () => [
    tfl.layers.conv2d({ filters: 4, kernelSize: 3, padding: "same", activation: "tanh" }),
    tfl.layers.conv2d({ filters: 5, kernelSize: [3, 2], strides: [2, 3], activation: "relu" }),
    tfl.layers.flatten({}),
    tfl.layers.dense({ units: 3 }),
  ],
  nn: [
    conv2d(4, { kernel: 3, padding: 1 }),
    tanh(),
    conv2d(5, { kernel: [3, 2], stride: [2, 3] }),
    relu(),
    flatten(),
    dense(3),
  ],
};

/** Tokens, a layer normalisation, and dense layers on every position. */
export const TOKENS: Twin = {
  input: [4],
  tokens: 7,
  classes: 3,
  tfjs: () => [
    tfl.layers.embedding({ inputDim: 7, outputDim: 5 }),
    tfl.layers.layerNormalization({ epsilon: 1e-3 }),
    tfl.layers.timeDistributed({ layer: tfl.layers.dense({ units: 6, activation: "tanh" }) }),
    tfl.layers.dense({ units: 5, activation: "tanh", useBias: false }),
    tfl.layers.flatten(),
    tfl.layers.dense({ units: 3 }),
  ],
  nn: [
    embedding({ vocabulary: 7, width: 5, init: (_, random) => random.normal() }),
    ...[layerNorm({ epsilon: 1e-3 }), dense(6), tanh(), dense(5, { bias: false }), tanh()],
    ...[flatten(), dense(3)],
  ],
};

/** Of each example, from logits; the framework's own takes probabilities and clips them. */
export const crossEntropy = (labels: tf.Tensor, logits: tf.Tensor): tf.Tensor =>
  tf.neg(tf.sum(tf.mul(labels, tf.logSoftmax(logits)), -1));

/**
 * How far losses may be apart: both sides add the same numbers over N examples in another order, in
 * float32, and errors of one step are carried into all that follow.
 */
export const ALLOWANCE = { relative: STEPS * N * 2 ** -24 };

/** Inputs that differ in scale, and labels that depend on them. */
export function examples(
  count: number,
  size: number,
  classes: number,
): { readonly inputs: Float32Array; readonly labels: number[] } {
  const random = new Random(3);
  const inputs = Float32Array.from(
    { length: count * size },
    (_, i) => random.normal() * (1 + (i % size) % 3),
  );
  const labels = Array.from({ length: count }, (_, n) => {
    const example = inputs.subarray(n * size, (n + 1) * size);
    return example.reduce((best, x, i) => x > example[best] ? i : best, 0) % classes;
  });
  return { inputs, labels };
}

/** A model of the framework; `Sequential` has the input shape in its first layer. */
export function tfjsModel({ input, tfjs }: Pick<Twin, "input" | "tfjs">): tfl.LayersModel {
  return twinModel({ input, tfjs }).model;
}

function twinModel({ input, tfjs }: Pick<Twin, "input" | "tfjs">) {
  const made = tfjs();
  if (!Array.isArray(made)) return made;
  const layers = [tfl.layers.inputLayer({ inputShape: [...input] }), ...made];
  const model = tfl.sequential({ layers });
  return { model, weighted: model.layers };
}

/** The first losses of both sides from equal weights. */
export async function losses(
  backend: Backend,
  twin: Twin,
): Promise<{ readonly tfjs: number[]; readonly nn: number[] }> {
  const { input, nn, classes, options = {}, seenByNn } = twin;
  const size = input.reduce((product, n) => product * n, 1);
  const { inputs, labels } = examples(N, size, classes);
  const { tokens } = twin;
  if (tokens !== undefined) {
    inputs.forEach((x, i) => inputs[i] = Math.abs(Math.round(3 * x)) % tokens);
  }

  using model = sequential(backend, {
    input: (seenByNn?.shape ?? input) as [number],
    layers: [...nn],
    seed: 1,
  });
  const { model: theirs, weighted } = twinModel(twin);
  const variables = weighted.flatMap((layer) =>
    layer.trainableWeights.map((weight) => weight.read() as tf.Variable)
  );
  const counts = twin.counts ?? weighted.map((layer) => layer.trainableWeights.length)
    .filter((count) => count > 0);
  const left = [...variables];
  for (const [index, { value, layer }] of model.parameters.entries()) {
    const own = left.splice(0, counts[index]);
    tf.tidy(() => {
      const numbers = Float32Array.from(backend.readSync(value));
      const matrix = tf.tensor(numbers, [value.rows, value.cols]);
      const vector = tf.reshape(leavesCaptures(layer) ? tf.transpose(matrix) : matrix, [-1]);
      const parts = tf.split(vector, own.map(({ size }) => size));
      own.forEach((variable, i) => variable.assign(tf.reshape(parts[i], variable.shape)));
    });
  }
  // What the adapter cannot do; `nn` would do it by default.
  const { method = "tekfac", backend: _, onNote: __, ...rest } = options;
  const factored = ["tekfac", "ekfac", "tkfac", "kfac"].includes(method);
  const perLoss = factored ? { fisher: { kind: "perLoss" } } : {};
  const same = { ...perLoss, takeBack: false, ...rest };
  using own = optimizers[method](objective(model, softmaxCrossEntropy()), same as object);
  const optimizer = new TekfacOptimizer(theirs, options);
  theirs.compile({ optimizer, loss: crossEntropy });
  const batch = { inputs: seenByNn?.of(inputs) ?? inputs, targets: labels };
  const x = tf.tensor(inputs, [N, ...input]);
  const y = tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(labels, "int32"), classes), "float32"));
  const nnLosses = Array.from({ length: STEPS }, () => own.stepSync(batch).loss);
  // One batch an epoch: the loss of an epoch is that of its step.
  const fit = { epochs: STEPS, batchSize: N, shuffle: false, verbose: 0 } as const;
  const { history } = await theirs.fit(x, y, fit);
  optimizer.dispose();
  theirs.dispose();
  // The framework keeps those of models that are used several times.
  tf.dispose([x, y, ...variables]);
  return { tfjs: history.loss as number[], nn: nnLosses };
}
