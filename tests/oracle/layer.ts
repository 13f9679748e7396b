/**
 * What one layer contributes to the curvature, example by example, straight from the definitions of
 * `docs/MATH.md`: rows `abar_nt`, rows `g_nt`, per-example gradients `G_n = sum_t g_nt abar_nt^T`.
 *
 * @module
 */

import { mean, multiply, type Rows, transpose } from "./dense.ts";

/** [vertical, horizontal]. */
export type Pair = readonly [number, number];

/** A layer in the form of the golden cases. */
export type LayerSpec =
  | {
    readonly kind: "dense";
    readonly inFeatures: number;
    readonly outFeatures: number;
    readonly bias: boolean;
  }
  | {
    readonly kind: "conv2d";
    readonly inChannels: number;
    readonly outChannels: number;
    readonly kernel: Pair;
    readonly stride: Pair;
    readonly padding: Pair;
    readonly dilation: Pair;
    readonly bias: boolean;
  };

/** Numbers with a shape, row-major. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** One example: T rows of homogeneous inputs and of output gradients of its own loss. */
export interface Example {
  /** `abar_nt`, [T, dIn'], features in the order (channel, kernel row, kernel column), 1 last. */
  readonly inputs: Rows;
  /** `g_nt`, [T, dOut]. */
  readonly gradients: Rows;
}

/** The examples of a dense layer; T = 1. `a` [N, dIn], `g` [N, dOut]. */
export function denseExamples(a: Rows, g: Rows, bias: boolean): Example[] {
  return a.map((row, n) => ({ inputs: [bias ? [...row, 1] : row], gradients: [g[n]] }));
}

/** The examples of any layer, from NCHW images and output gradients where it is a convolution. */
export function examplesOf(layer: LayerSpec, a: Tensor, g: Tensor): Example[] {
  const count = a.shape[0];
  const at = (tensor: Tensor, n: number) => {
    const size = tensor.data.length / count;
    return tensor.data.slice(n * size, (n + 1) * size);
  };
  return Array.from({ length: count }, (_, n) => {
    if (layer.kind === "dense") {
      return { inputs: [layer.bias ? [...at(a, n), 1] : at(a, n)], gradients: [at(g, n)] };
    }
    const locations = g.shape[2] * g.shape[3];
    const planes = at(g, n);
    const gradients = Array.from(
      { length: locations },
      (_, t) => Array.from({ length: g.shape[1] }, (_, o) => planes[o * locations + t]),
    );
    return { inputs: patchesOf(layer, at(a, n), a.shape[2], a.shape[3]), gradients };
  });
}

/** The patches of one NCHW image, locations in the order (row, column). */
function patchesOf(
  layer: LayerSpec & { kind: "conv2d" },
  image: readonly number[],
  height: number,
  width: number,
): Rows {
  const { kernel, stride, padding, dilation } = layer;
  const places = (size: number, d: 0 | 1) =>
    Math.floor((size + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d]) + 1;
  const patches: Rows = [];
  for (let oy = 0; oy < places(height, 0); oy++) {
    for (let ox = 0; ox < places(width, 1); ox++) {
      const patch: number[] = [];
      for (let c = 0; c < layer.inChannels; c++) {
        for (let ky = 0; ky < kernel[0]; ky++) {
          for (let kx = 0; kx < kernel[1]; kx++) {
            const y = oy * stride[0] - padding[0] + ky * dilation[0];
            const x = ox * stride[1] - padding[1] + kx * dilation[1];
            const inside = y >= 0 && y < height && x >= 0 && x < width;
            patch.push(inside ? image[(c * height + y) * width + x] : 0);
          }
        }
      }
      if (layer.bias) patch.push(1);
      patches.push(patch);
    }
  }
  return patches;
}

/** `G_n = sum_t g_nt abar_nt^T`, [dOut, dIn']. */
export function exampleGradient(example: Example): Rows {
  return multiply(transpose(example.gradients), example.inputs);
}

/** `G = (1/N) sum_n G_n`. */
export function meanGradient(examples: readonly Example[]): Rows {
  return mean(examples.map(exampleGradient));
}
