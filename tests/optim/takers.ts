/** What takes options besides optimizers, and of which kinds they are: layers, losses, averages, models. */
import * as nn from "@tekfac/tekfac/nn";
import * as optim from "@tekfac/tekfac/optim";
import type { Kind } from "./kinds.ts";

const rowNorm: Record<string, Kind[]> = {
  epsilon: ["number"],
  shift: ["flag"],
  trainable: ["flag"],
};

const numbers = (...names: string[]): Record<string, Kind[]> =>
  Object.fromEntries(names.map((name) => [name, ["number"]]));

/** What takes options besides optimizers, as a function of them. */
export const others: Record<string, [(options: never) => unknown, Record<string, Kind[]>]> = {
  dense: [(o) => nn.dense(1, o), { bias: ["flag"], init: ["function"], trainable: ["flag"] }],
  conv2d: [(o) => nn.conv2d(1, { kernel: 1, ...(o as object) }), {
    kernel: ["number", "array"],
    stride: ["number", "array"],
    padding: ["number", "array"],
    dilation: ["number", "array"],
    groups: ["number"],
    bias: ["flag"],
    init: ["function"],
    trainable: ["flag"],
  }],
  conv2dTranspose: [(o) => nn.conv2dTranspose(1, { kernel: 1, ...(o as object) }), {
    kernel: ["number", "array"],
    stride: ["number", "array"],
    padding: ["number", "array"],
    groups: ["number"],
    bias: ["flag"],
    init: ["function"],
    trainable: ["flag"],
  }],
  lora: [(o) => nn.lora(1, { rank: 1, ...(o as object) }), {
    ...numbers("rank", "alpha"),
    bias: ["flag"],
    init: ["function"],
  }],
  conv1d: [(o) => nn.conv1d(1, { kernel: 1, ...(o as object) }), {
    ...numbers("kernel", "stride", "dilation", "groups"),
    padding: ["number", "string"],
    bias: ["flag"],
    init: ["function"],
    trainable: ["flag"],
  }],
  maxPool2d: [(o) => nn.maxPool2d({ kernel: 2, ...(o as object) }), {
    kernel: ["number", "array"],
    stride: ["number", "array"],
    padding: ["number", "array"],
  }],
  batchNorm2d: [nn.batchNorm2d, {
    epsilon: ["number"],
    runningDecay: ["number"],
    trainable: ["flag"],
  }],
  layerNorm: [nn.layerNorm, rowNorm],
  rmsNorm: [nn.rmsNorm, rowNorm],
  groupNorm: [(o) => nn.groupNorm({ groups: 1, ...(o as object) }), {
    groups: ["number"],
    ...rowNorm,
  }],
  embedding: [(o) => nn.embedding({ vocabulary: 2, width: 2, ...(o as object) }), {
    vocabulary: ["number"],
    width: ["number"],
    ...numbers("positions", "padding"),
    init: ["function"],
    trainable: ["flag"],
  }],
  attention: [(o) => nn.attention({ heads: 1, ...(o as object) }), {
    heads: ["number"],
    causal: ["flag"],
    dropout: ["number"],
    rotary: ["flag"],
    bias: ["flag"],
    init: ["function"],
    trainable: ["flag"],
  }],
  gelu: [nn.gelu, { form: ["string"] }],
  gpt: [
    (o) => nn.gpt({ vocabulary: 2, ...(o as object) }),
    {
      ...numbers("vocabulary", "context", "layers", "heads", "width"),
      tied: ["flag"],
      rotary: ["flag"],
    },
  ],
  exponentialAverage: [
    (o) => optim.exponentialAverage({ decay: 0.9, ...(o as object) }),
    { decay: ["number"] },
  ],
  scheduleFree: [optim.scheduleFree, { beta: ["number"] }],
  huber: [nn.huber, numbers("delta")],
  softmaxCrossEntropy: [nn.softmaxCrossEntropy, numbers("smoothing")],
  squaredError: [nn.squaredError, { over: ["string"] }],
  mlp: [nn.mlp, { hidden: ["array"], classes: ["number"], activation: ["string"] }],
  cnn: [nn.cnn, { channels: ["array"], classes: ["number"] }],
  autoencoder: [nn.autoencoder, {
    features: ["number"],
    widths: ["array"],
    activation: ["string"],
  }],
  resnet20: [nn.resnet20, { width: ["number"], classes: ["number"] }],
  temporalConvNet: [(o) => nn.temporalConvNet({ outputs: 1, ...(o as object) }), {
    ...numbers("outputs", "channels", "levels", "kernel", "dropout"),
    at: ["string"],
  }],
  mobileNet: [nn.mobileNet, numbers("width", "blocks", "expansion", "classes")],
  mobileBlock: [
    (o) => nn.mobileBlock({ from: 2, ...(o as object) }),
    numbers("from", "to", "stride", "expansion"),
  ],
  vgg16: [nn.vgg16, { width: ["number"], classes: ["number"] }],
};
