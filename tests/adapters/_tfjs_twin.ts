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
  ekfac,
  flatten,
  kfac,
  type LayerSpec,
  objective,
  relu,
  sequential,
  softmaxCrossEntropy,
  tanh,
  tekfac,
  tkfac,
} from "@tekfac/tekfac";
import { Random } from "@tekfac/tekfac/core";
import { TekfacOptimizer, type TekfacOptimizerOptions } from "@tekfac/tekfac/tfjs";

const METHODS = { tekfac, ekfac, tkfac, kfac };

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
  /** Layers of the framework, without an input shape. */
  readonly tfjs: () => tfl.layers.Layer[];
  /** Layers of `nn`. */
  readonly nn: readonly LayerSpec[];
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
  return tfl.sequential({ layers: [tfl.layers.inputLayer({ inputShape: [...input] }), ...tfjs()] });
}

/** The first losses of both sides from equal weights. */
export async function losses(
  backend: Backend,
  twin: Twin,
): Promise<{ readonly tfjs: number[]; readonly nn: number[] }> {
  const { input, nn, classes, options = {}, seenByNn } = twin;
  const size = input.reduce((product, n) => product * n, 1);
  const { inputs, labels } = examples(N, size, classes);

  using model = sequential(backend, {
    input: (seenByNn?.shape ?? input) as [number],
    layers: [...nn],
    seed: 1,
  });
  const theirs = tfjsModel(twin);
  for (const [index, { value }] of model.parameters.entries()) {
    const weighted = theirs.layers.filter((layer) => layer.trainableWeights.length > 0)[index];
    const shapes = weighted.trainableWeights.map(({ shape }) => shape as number[]);
    const sizes = shapes.map((shape) => shape.reduce((product, n) => product * n, 1));
    tf.tidy(() => {
      const numbers = tf.tensor(Float32Array.from(backend.readSync(value)), [
        value.rows,
        value.cols,
      ]);
      const parts = tf.split(tf.reshape(tf.transpose(numbers), [-1]), sizes);
      weighted.setWeights(parts.map((part, i) => tf.reshape(part, shapes[i])));
    });
  }
  const { method = "tekfac", backend: _, ...rest } = options;
  // What the adapter cannot do; `nn` would do it by default.
  const same = { fisher: { kind: "perLoss" }, takeBack: false, ...rest } as object;
  using own = METHODS[method](objective(model, softmaxCrossEntropy()), same);
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
  tf.dispose([x, y]);
  return { tfjs: history.loss as number[], nn: nnLosses };
}
