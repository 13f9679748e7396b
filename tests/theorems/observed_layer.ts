/**
 * One layer with random captures, all four approximations of its Fisher block measured by the library,
 * and the block itself from per-example gradients: what the theorems are stated on.
 *
 * @module
 */

import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { type KroneckerCapture, type LayerKind, locationsOf, Random } from "@tekfac/tekfac/core";
import {
  CurvatureEstimator,
  EkfacBlock,
  KfacBlock,
  TekfacBlock,
  TkfacBlock,
  toDense,
} from "@tekfac/tekfac/curvature";
import { type DenseMatrix, fisherBlock, patches, perExampleGradients } from "@tekfac/tekfac/linalg";
import { download, randomGeometry, randomMatrix } from "@tekfac/tekfac/testing";
import fc from "#fast-check";

/** A layer and how many batches of how many examples it sees. */
export interface Setting {
  /** Everything random follows from it. */
  readonly seed: number;
  readonly kind: "dense" | "conv2d";
  readonly examples: number;
  /** Batches averaged, each with weight 0.3 against the past. */
  readonly batches: number;
}

/** Settings of one kind of layer, shrinking to one batch of one example. */
export function settings(
  kind: Setting["kind"],
  limits: { readonly examples?: number; readonly batches?: number } = {},
): fc.Arbitrary<Setting> {
  const { examples = 6, batches = 1 } = limits;
  return fc.record({
    seed: fc.nat(),
    kind: fc.constant(kind),
    examples: fc.integer({ min: 1, max: examples }),
    batches: fc.integer({ min: 1, max: batches }),
  });
}

/** The four approximations. */
export const METHODS = ["kfac", "ekfac", "tkfac", "tekfac"] as const;

/** The blocks of one layer, after they have observed its batches. */
export interface Observed {
  readonly blocks: {
    readonly kfac: KfacBlock;
    readonly ekfac: EkfacBlock;
    readonly tkfac: TkfacBlock;
    readonly tekfac: TekfacBlock;
  };
  readonly backend: Backend;
  /** `F = E[vec G_n vec G_n^T]` of the last batch. */
  readonly fisher: DenseMatrix;
  /** An approximation as a dense matrix, undamped. */
  approximation(method: typeof METHODS[number]): DenseMatrix;
  /** T. */
  readonly locations: number;
  /** What the last batch left behind. */
  readonly capture: KroneckerCapture;
  /** N. */
  readonly examples: number;
}

/** Creates a layer and its blocks on the reference backend, observes the batches, and calls `body`. */
export async function observe(
  setting: Setting,
  body: (observed: Observed) => void,
): Promise<void> {
  using backend = await createBackend({ prefer: ["reference"] });
  observeOn(backend, setting, body);
  assert.equal(backend.memory().handles, 0, "matrices were not disposed");
}

function observeOn(
  backend: Backend,
  { seed, kind, examples, batches }: Setting,
  body: (observed: Observed) => void,
): void {
  const random = new Random(seed);
  const layer = randomLayer(random, kind);
  const outputs = 1 + random.integer(4);
  const columns = columnsOf(layer);
  const locations = layer.kind === "conv2d" ? locationsOf(layer.geometry) : 1;
  using value = backend.alloc(outputs, columns);
  using gradient = backend.alloc(outputs, columns);
  const parameter = { name: "layer", layer, value, gradient };
  const options = { damping: { kind: "absolute", lambda: 1 } } as const;
  const blocks = {
    kfac: new KfacBlock(backend, parameter, options),
    ekfac: new EkfacBlock(backend, parameter, options),
    tkfac: new TkfacBlock(backend, parameter, options),
    tekfac: new TekfacBlock(backend, parameter, options),
  };
  using estimator = new CurvatureEstimator(backend, Object.values(blocks), {
    plan: {
      intervals: { statistics: 1, basis: 1, eigenvalues: 1 },
      denseStart: false,
      staggered: false,
    },
    averaging: "seeded",
    factorDecay: 0.7,
    eigenvalueDecay: 0.7,
    staleness: 0,
    refresh: { kind: "immediate" },
    toleratedFailures: 0,
  });
  for (let step = 0; step < batches; step++) {
    const g = skewed(random, randomMatrix(random, examples * locations, outputs));
    backend.scope(() => {
      const { capture, inputs } = randomCapture(backend, random, layer, examples, g);
      estimator.update(step, {
        examples,
        gradientExamples: examples,
        forEachCapture: (visit) => visit(() => capture),
      });
      if (step < batches - 1) return;
      body({
        blocks,
        backend,
        fisher: fisherBlock(perExampleGradients(inputs, g, examples)),
        approximation: (method) =>
          backend.scope(() => download(backend, toDense(backend, blocks[method]))),
        locations,
        capture,
        examples,
      });
    });
  }
}

function randomLayer(random: Random, kind: Setting["kind"]): LayerKind {
  if (kind === "dense") return { kind, bias: random.uniform() < 0.5 };
  for (;;) {
    const geometry = randomGeometry(random, 1 + random.integer(3));
    // Small enough that the Fisher block, of (dOut dIn')^2 numbers, is quickly formed.
    if (geometry.kernel[0] * geometry.kernel[1] <= 6 && locationsOf(geometry) <= 12) {
      return { kind, geometry };
    }
  }
}

function columnsOf(layer: LayerKind): number {
  if (layer.kind !== "conv2d") return 5;
  const { kernel, channels, bias } = layer.geometry;
  return kernel[0] * kernel[1] * channels + (bias ? 1 : 0);
}

/** Columns of different sizes: nothing here should depend on isotropic data. */
function skewed(random: Random, x: DenseMatrix): DenseMatrix {
  const scales = Array.from({ length: x.cols }, () => Math.exp(random.normal()));
  x.data.forEach((value, i) => x.data[i] = value * scales[i % x.cols]);
  return x;
}

/** Random inputs, half of each example shaped by its gradients: inputs and gradients are not independent. */
function randomCapture(
  backend: Backend,
  random: Random,
  layer: LayerKind,
  examples: number,
  g: DenseMatrix,
): { readonly capture: KroneckerCapture; readonly inputs: DenseMatrix } {
  const handle = (x: DenseMatrix) => {
    const matrix = backend.scratch(x.rows, x.cols);
    backend.write(matrix, x.data);
    return matrix;
  };
  const mixed = (x: DenseMatrix) => {
    const perExample = g.data.length / examples;
    const each = x.data.length / examples;
    x.data.forEach((value, i) => x.data[i] = value + g.data[Math.floor(i / each) * perExample]);
    return skewed(random, x);
  };
  const outputGradients = handle(g);
  if (layer.kind === "conv2d") {
    const { geometry } = layer;
    const pixels = geometry.height * geometry.width;
    const images = mixed(randomMatrix(random, examples * pixels, geometry.channels));
    return {
      capture: { kind: "conv2d", examples, geometry, images: handle(images), outputGradients },
      inputs: patches(images, geometry),
    };
  }
  const inputs = mixed(randomMatrix(random, examples, columnsOf(layer)));
  if (layer.kind === "dense" && layer.bias) {
    for (let n = 0; n < examples; n++) inputs.data[(n + 1) * inputs.cols - 1] = 1;
  }
  return { capture: { kind: "dense", examples, inputs: handle(inputs), outputGradients }, inputs };
}
