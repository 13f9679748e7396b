/**
 * The models whose steps are timed, as plain lists of layers that another framework can build, too.
 *
 * @module
 */

import { batches, type BatchLike, glyphs } from "@tekfac/tekfac";
import { Random } from "@tekfac/tekfac/core";
import {
  averagePool2d,
  batchNorm2d,
  conv2d,
  dense,
  type ExampleShape,
  flatten,
  glorotNormal,
  heNormal,
  type LayerSpec,
  type Loss,
  maxPool2d,
  relu,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";

/** One layer in words that every framework knows. */
export type PlainLayer =
  | { readonly kind: "dense"; readonly units: number }
  /** 3 x 3, padding 1, with bias. */
  | { readonly kind: "conv"; readonly channels: number; readonly stride: number }
  | { readonly kind: "relu" | "tanh" | "flatten" | "batchNorm" }
  /** Mean of size x size pixels, windows side by side. */
  | { readonly kind: "averagePool"; readonly size: number }
  /** Maximum of size x size pixels, windows side by side. */
  | { readonly kind: "maxPool"; readonly size: number };

/** A model and what it is trained on. */
export interface BenchModel {
  /** `"MLP 784-512-512-10"`. */
  readonly name: string;
  /** Sizes of the batches at which it is timed. */
  readonly batchSizes: readonly number[];
  /** Shape of one example. */
  readonly input: ExampleShape;
  /** Its layers, from the inputs to the outputs. */
  readonly layers: readonly PlainLayer[];
  /** What it minimises. */
  readonly loss: "softmaxCrossEntropy" | "sigmoidCrossEntropy";
  /** A learning rate with which SGD goes down. */
  readonly sgdRate: number;
  /** Different batches there are to train on. */
  readonly batchCount: number;
  /** Whether steps take tens of seconds: timed when asked for, in short rounds. @default {false} */
  readonly slow?: boolean;
}

function mlpLayers(...units: readonly number[]): PlainLayer[] {
  const last = units.length - 1;
  return units.flatMap((count, i): PlainLayer[] => [
    { kind: "dense", units: count },
    ...(i === last ? [] : [{ kind: "relu" } as const]),
  ]);
}

function autoencoderLayers(features: number, ...widths: readonly number[]): PlainLayer[] {
  const code = widths.length - 1;
  const mirrored = [...widths, ...widths.slice(0, -1).reverse(), features];
  return mirrored.flatMap((units, i): PlainLayer[] => [
    { kind: "dense", units },
    ...(i === code || i === mirrored.length - 1 ? [] : [{ kind: "tanh" } as const]),
  ]);
}

type ImageShape = Extract<ExampleShape, readonly [number, number, number]>;

/**
 * The convolutions of ResNet20 (He et al. 2016, section 4.2) in a row, without its shortcuts.
 *
 * @param width Channels of the first stage, 16 in the paper.
 */
function resnetLayers(width: number): PlainLayer[] {
  const convolution = (channels: number, stride: number): PlainLayer[] => [
    { kind: "conv", channels, stride },
    { kind: "relu" },
  ];
  const stage = (channels: number, stride: number): PlainLayer[] =>
    Array.from({ length: 6 }, (_, i) => convolution(channels, i === 0 ? stride : 1)).flat();
  return [
    ...convolution(width, 1),
    ...stage(width, 1),
    ...stage(2 * width, 2),
    ...stage(4 * width, 2),
    { kind: "averagePool", size: 8 },
    { kind: "flatten" },
    { kind: "dense", units: 10 },
  ];
}

/** The stack of convolutions with `width` channels in its first stage; 16 are ResNet20's. */
export function resnetStack(width: number): BenchModel {
  return {
    name: width === 16 ? "ResNet20 convolutions" : `ResNet20 convolutions, ${width} channels`,
    batchSizes: [64],
    input: [32, 32, 3],
    layers: resnetLayers(width),
    loss: "softmaxCrossEntropy",
    sgdRate: 0.01,
    batchCount: 8,
  };
}

/** The convolutions of VGG16 (Simonyan & Zisserman 2015) for images of 32 x 32, with batch normalisation. */
const VGG16: BenchModel = {
  name: "VGG16",
  batchSizes: [128],
  input: [32, 32, 3],
  layers: [
    ...[[2, 64], [2, 128], [3, 256], [3, 512], [3, 512]].flatMap(([count, channels]) => [
      ...Array.from({ length: count }, (): PlainLayer[] => [
        { kind: "conv", channels, stride: 1 },
        { kind: "batchNorm" },
        { kind: "relu" },
      ]).flat(),
      { kind: "maxPool", size: 2 } as const,
    ]),
    { kind: "flatten" },
    { kind: "dense", units: 10 },
  ],
  loss: "softmaxCrossEntropy",
  sgdRate: 0.01,
  batchCount: 1,
  slow: true,
};

/** All models but slow ones, cheapest first. */
export const BENCH_MODELS: readonly BenchModel[] = [
  {
    name: "MLP 784-512-512-10",
    batchSizes: [128, 512],
    input: [784],
    layers: mlpLayers(512, 512, 10),
    loss: "softmaxCrossEntropy",
    sgdRate: 0.03,
    batchCount: 16,
  },
  {
    name: "autoencoder 784-1000-500-250-30",
    batchSizes: [500],
    input: [784],
    layers: autoencoderLayers(784, 1000, 500, 250, 30),
    loss: "sigmoidCrossEntropy",
    sgdRate: 0.001,
    batchCount: 16,
  },
  resnetStack(16),
];

/** The models of {@linkcode BENCH_MODELS}, and those that are timed when asked for. */
export const STEP_MODELS: readonly BenchModel[] = [...BENCH_MODELS, VGG16];

/** The layers for `sequential`. */
export function layerSpecs({ layers }: BenchModel): LayerSpec[] {
  const smooth = layers.some(({ kind }) => kind === "tanh");
  const init = smooth ? glorotNormal : heNormal;
  return layers.map((layer) => {
    switch (layer.kind) {
      case "dense":
        return dense(layer.units, { init });
      case "conv":
        return conv2d(layer.channels, { kernel: 3, padding: 1, stride: layer.stride, init });
      case "averagePool":
        return averagePool2d({ kernel: layer.size });
      case "maxPool":
        return maxPool2d({ kernel: layer.size });
      case "batchNorm":
        return batchNorm2d();
      case "flatten":
        return flatten();
      case "relu":
        return relu();
      case "tanh":
        return tanh();
    }
  });
}

/** The loss for `objective`. */
export function lossOf({ loss }: BenchModel): Loss {
  return loss === "softmaxCrossEntropy" ? softmaxCrossEntropy() : sigmoidCrossEntropy();
}

/** Seeded batches: digits for the models that take 784 numbers, coloured noise for the others. */
export function batchesFor(model: BenchModel, size: number): BatchLike[] {
  const count = model.batchCount * size;
  if (model.input.length === 3) return colours(model.input, size, model.batchCount);
  const { train } = glyphs({ train: count, test: 1, seed: 1 });
  const targets = model.loss === "sigmoidCrossEntropy" ? "inputs" : "labels";
  return [...batches(train, { size, targets })];
}

/** Ten classes of noisy images, told apart by their mean colour. */
function colours([height, width, channels]: ImageShape, size: number, count: number): BatchLike[] {
  const random = new Random(1);
  const normals = (n: number): Float32Array =>
    Float32Array.from({ length: n }, () => random.normal());
  const means = normals(10 * channels);
  return Array.from({ length: count }, () => {
    const targets = Uint8Array.from({ length: size }, () => random.integer(10));
    const inputs = normals(size * height * width * channels);
    const numbersPerImage = height * width * channels;
    for (let i = 0; i < inputs.length; i++) {
      const label = targets[Math.floor(i / numbersPerImage)];
      inputs[i] += means[label * channels + i % channels];
    }
    return { inputs, targets };
  });
}
