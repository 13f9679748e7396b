/** Models of TensorFlow.js with layers of all kinds, and what blocks they get. */
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";

const { layers } = tfl;
/** Examples in a batch. */
export const N = 12;

/** A model, and one batch for it. */
export interface Case {
  readonly model: tfl.LayersModel;
  readonly x: tf.Tensor | tf.Tensor[];
  /** Blocks that `describe()` must show, in the order of the parameters. */
  readonly blocks: readonly string[];
}

/** The same normal numbers each time. */
export const normal = (...shape: number[]): tf.Tensor => tf.randomNormal(shape, 0, 1, "float32", 7);

/** What is protected in the framework's type of an embedding. */
interface Table {
  readonly embeddings: { read(): tf.Tensor };
}

/** Logits from the table of an embedding: a layer of one's own that reads the weights of another. */
class TiedHead extends layers.Layer {
  static readonly className = "TiedHead";
  readonly #table: Table;

  constructor(table: unknown) {
    super({});
    this.#table = table as Table;
  }

  override computeOutputShape([batch]: number[]): number[] {
    return [batch, this.#table.embeddings.read().shape[0]];
  }

  override call([x]: tf.Tensor[]): tf.Tensor {
    return tf.matMul(x as tf.Tensor2D, this.#table.embeddings.read() as tf.Tensor2D, false, true);
  }
}

/** Networks whose layers are watched in all ways that there are. */
export const CASES: Readonly<Record<string, () => Case>> = {
  "dense and convolution with penalties": () => ({
    model: tfl.sequential({
      layers: [
        layers.conv2d({
          filters: 3,
          kernelSize: 2,
          padding: "same",
          activation: "selu",
          kernelRegularizer: tfl.regularizers.l2(),
          inputShape: [4, 5, 2],
        }),
        layers.flatten(),
        layers.dense({
          units: 2,
          kernelRegularizer: tfl.regularizers.l1l2(),
          biasRegularizer: tfl.regularizers.l2(),
        }),
      ],
    }),
    x: normal(N, 4, 5, 2),
    blocks: ["tekfac", "tekfac"],
  }),
  "depthwise convolution, batch normalization, pooling": () => ({
    model: tfl.sequential({
      layers: [
        layers.conv2d({ filters: 3, kernelSize: 3, activation: "elu", inputShape: [7, 6, 1] }),
        layers.batchNormalization({}),
        layers.depthwiseConv2d({ kernelSize: 2, activation: "relu" }),
        layers.maxPooling2d({ poolSize: 2 }),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
    }),
    x: normal(N, 7, 6, 1),
    blocks: ["tekfac", "scaleShift", "tekfac", "tekfac"],
  }),
  "convolutions of sequences": () => ({
    model: tfl.sequential({
      layers: [
        layers.conv1d({ filters: 3, kernelSize: 3, activation: "tanh", inputShape: [9, 2] }),
        layers.conv1d({ filters: 4, kernelSize: 2, padding: "same", strides: 2 }),
        layers.conv1d({ filters: 3, kernelSize: 2, strides: 2, activation: "relu" }),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
    }),
    x: normal(N, 9, 2),
    blocks: ["tekfac", "tekfac", "tekfac", "tekfac"],
  }),
  "depthwise convolutions that keep the size or have several outputs": () => ({
    model: tfl.sequential({
      layers: [
        layers.depthwiseConv2d({
          kernelSize: 2,
          padding: "same",
          depthMultiplier: 2,
          inputShape: [5, 4, 2],
        }),
        layers.depthwiseConv2d({ kernelSize: 3, padding: "same", useBias: false }),
        layers.depthwiseConv2d({ kernelSize: [2, 1], strides: [1, 1], activation: "tanh" }),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
    }),
    x: normal(N, 5, 4, 2),
    blocks: ["tekfac", "tekfac", "tekfac", "tekfac"],
  }),
  "separable convolutions whose borders are uneven": () => ({
    model: tfl.sequential({
      layers: [
        layers.separableConv2d({
          ...{ filters: 3, kernelSize: 3, strides: 2, padding: "same", depthMultiplier: 2 },
          ...{ depthwiseRegularizer: tfl.regularizers.l2(), inputShape: [6, 4, 2] },
        }),
        layers.separableConv2d({ filters: 2, kernelSize: 2, padding: "same", activation: "tanh" }),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
    }),
    x: normal(N, 6, 4, 2),
    blocks: ["tekfac", "tekfac", "tekfac", "tekfac", "tekfac"],
  }),
  "layer normalisations of images, and along other axes": () => ({
    model: tfl.sequential({
      layers: [
        layers.layerNormalization({ inputShape: [3, 4, 2] }),
        layers.dense({ units: 3, activation: "tanh" }),
        layers.layerNormalization({ axis: [1, 2] }),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
    }),
    x: normal(N, 3, 4, 2),
    blocks: ["scaleShift", "tekfac", "diagonal", "diagonal", "tekfac"],
  }),
  "sequences of any length, masked tokens, a table with a penalty": () => ({
    model: tfl.sequential({
      layers: [
        layers.embedding({
          ...{ inputDim: 9, outputDim: 3, maskZero: true, inputShape: [null] },
          embeddingsRegularizer: tfl.regularizers.l2(),
        }),
        layers.timeDistributed({ layer: layers.dense({ units: 4, activation: "tanh" }) }),
        layers.conv1d({ filters: 3, kernelSize: 2 }),
        layers.globalAveragePooling1d({}),
        layers.dense({ units: 2 }),
      ],
    }),
    x: tf.tidy(() => tf.cast(tf.randomUniform([N, 5], 0, 9, "int32", 3), "float32")),
    blocks: ["tekfac", "tekfac", "diagonal", "diagonal", "tekfac"],
  }),
  "steps of a sequence, each by a model that has a model inside": () => ({
    model: tfl.sequential({
      layers: [
        layers.timeDistributed({
          inputShape: [3, 4, 4, 1],
          layer: tfl.sequential({
            layers: [
              layers.conv2d({ filters: 2, kernelSize: 2, padding: "same", inputShape: [4, 4, 1] }),
              tfl.sequential({
                layers: [
                  layers.depthwiseConv2d({ kernelSize: 3, inputShape: [4, 4, 2] }),
                  layers.flatten(),
                ],
              }),
              layers.dense({ units: 3, activation: "tanh" }),
            ],
          }) as unknown as tfl.layers.Layer,
        }),
        layers.gru({ units: 2, recurrentInitializer: "glorotNormal" }),
      ],
    }),
    x: normal(N, 3, 4, 4, 1),
    blocks: ["tekfac", "tekfac", "tekfac", "diagonal", "diagonal", "diagonal"],
  }),
  "weights that a layer of one's own reads, too": () => {
    const table = layers.embedding({ inputDim: 5, outputDim: 3, inputLength: 2 });
    return {
      model: tfl.sequential({
        layers: [
          table,
          layers.flatten(),
          layers.dense({ units: 3, activation: "tanh" }),
          new TiedHead(table),
          layers.dense({ units: 2 }),
        ],
      }),
      x: tf.tidy(() => tf.cast(tf.randomUniform([N, 2], 0, 5, "int32", 3), "float32")),
      blocks: ["tekfac", "tekfac", "tekfac"],
    };
  },
  "embedding, dense along a sequence, recurrence": () => ({
    model: tfl.sequential({
      layers: [
        layers.embedding({ inputDim: 9, outputDim: 4, inputLength: 5 }),
        layers.dense({ units: 3, activation: "sigmoid" }),
        layers.simpleRNN({ units: 3, recurrentInitializer: "glorotNormal" }),
        layers.dense({ units: 2 }),
      ],
    }),
    x: tf.tidy(() => tf.cast(tf.randomUniform([N, 5], 0, 9, "int32", 3), "float32")),
    blocks: ["tekfac", "tekfac", "diagonal", "diagonal", "diagonal", "tekfac"],
  }),
  "two inputs, a layer used twice, a model inside": () => {
    const [a, b] = [tfl.input({ shape: [4] }), tfl.input({ shape: [4] })];
    const shared = layers.dense({ units: 3, activation: "tanh" });
    const inside = tfl.sequential({
      layers: [layers.dense({ units: 3, activation: "relu", inputShape: [6] })],
    });
    const both = layers.concatenate().apply(
      [shared.apply(a), shared.apply(b)] as tfl.SymbolicTensor[],
    );
    const outputs = layers.dense({ units: 2 }).apply(inside.apply(both)) as tfl.SymbolicTensor;
    return {
      model: tfl.model({ inputs: [a, b], outputs }),
      x: [normal(N, 4), normal(N, 4)],
      blocks: ["tekfac", "tekfac", "tekfac"],
    };
  },
};
