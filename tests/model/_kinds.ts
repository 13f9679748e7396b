/** Models that together have every kind of layer. */
import { Random } from "@tekfac/tekfac/core";
import {
  attention,
  averagePool2d,
  batchNorm2d,
  concatenate,
  conv1d,
  conv2d,
  conv2dTranspose,
  dense,
  dropout,
  embedding,
  flatten,
  gelu,
  globalAveragePool2d,
  groupNorm,
  lastPosition,
  layerNorm,
  type LayerSpec,
  lora,
  maxPool2d,
  meanPositions,
  relu,
  residual,
  rmsNorm,
  type SequentialOptions,
  sigmoid,
  silu,
  softmax,
  softplus,
  tanh,
  tiedHead,
} from "@tekfac/tekfac/nn";

const images: LayerSpec[] = [
  conv2d(3, { kernel: 3, padding: 1, stride: [2, 1], bias: false }),
  batchNorm2d({ epsilon: 1e-3 }),
  relu(),
  residual([conv2d(4, { kernel: 3, padding: 1, stride: 2, bias: false }), batchNorm2d()]),
  conv2d(8, { kernel: 2, groups: 4 }),
  groupNorm({ groups: 2 }),
  maxPool2d({ kernel: 2, stride: 1, padding: 1 }),
  averagePool2d({ kernel: 2 }),
  dropout(0.3),
];
const twice = dense(4);
const tokens = embedding({ vocabulary: 3, width: 4 });
const again = residual([layerNorm(), attention({ heads: 2, rotary: true }), dense(4)]);

/** By what goes in. */
export const kinds: Record<string, Pick<SequentialOptions, "input" | "layers">> = {
  features: {
    input: [5],
    layers: [
      dense(4),
      tanh(),
      dense(4),
      gelu(),
      gelu({ form: "tanh" }),
      lora(4, { rank: 2, alpha: 3 }),
      silu(),
      softplus(),
      dense(3, { bias: false }),
      sigmoid(),
    ],
  },
  images: { input: [8, 6, 1], layers: [...images, globalAveragePool2d(), dense(3)] },
  "flattened images": { input: [8, 6, 1], layers: [...images, flatten(), dense(3)] },
  tokens: {
    input: [5],
    layers: [
      embedding({ vocabulary: 7, width: 4, positions: 6 }),
      residual([layerNorm(), attention({ heads: 2, causal: true })]),
      rmsNorm({ shift: false }),
      lastPosition(),
      dense(3),
    ],
  },
  "convolved sequences": {
    input: [9, 4],
    layers: [
      conv1d(6, { kernel: 3, padding: "causal", dilation: 2, groups: 2 }),
      conv1d(6, { kernel: 2, padding: "same", stride: 2, bias: false }),
      conv1d(3, { kernel: 1, padding: 1 }),
      meanPositions(),
    ],
  },
  branches: {
    input: [4, 3, 2],
    layers: [
      concatenate([[conv2d(2, { kernel: 3, padding: 1 }), relu()], [], [residual([tanh()])]]),
      concatenate([[], []]),
      conv2dTranspose(2, { kernel: 2, stride: [1, 2], padding: [0, 1] }),
      flatten(),
      dense(3),
    ],
  },
  "layers that come again": {
    input: [4],
    layers: [twice, tanh(), residual([twice, groupNorm({ groups: 2, shift: false })]), dense(3)],
  },
  "tokens of layers that come again": {
    input: [5],
    layers: [tokens, again, again, softmax(), lastPosition(), tiedHead(tokens)],
  },
  "tokens of a tied head": {
    input: [1],
    layers: [tokens, groupNorm({ groups: 1 }), tanh(), tiedHead(tokens), flatten()],
  },
  "means of positions": {
    input: [5, 2],
    layers: [attention({ heads: 1 }), meanPositions(), dense(3)],
  },
};

/** Numbers of so many inputs, tokens where there are such. */
export function inputsOf(name: string, count: number): Float64Array {
  const random = new Random(4);
  return Float64Array.from(
    { length: count },
    () => name.startsWith("tokens") ? random.integer(name === "tokens" ? 7 : 3) : random.normal(),
  );
}
