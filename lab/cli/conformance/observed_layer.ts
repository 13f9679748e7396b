/**
 * One layer of the library, run on a golden case's batch, with the curvature blocks of all methods.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { type Capture, type KroneckerCapture, type Parameter, Random } from "@tekfac/tekfac/core";
import {
  type Block,
  CurvatureEstimator,
  EkfacBlock,
  KfacBlock,
  TekfacBlock,
  TkfacBlock,
} from "@tekfac/tekfac/curvature";
import { type DenseMatrix, denseMatrix } from "@tekfac/tekfac/linalg";
import {
  type BuildContext,
  conv2d,
  dense,
  type ExampleShape,
  type Layer,
  toStoredOrder,
} from "@tekfac/tekfac/nn";
import type { Fields } from "./fields.ts";
import { batchMatrix } from "./layout.ts";

/** The blocks of a layer, all observing the same batch. `ekfac_ra` measures on the mean gradient. */
export interface Blocks {
  readonly kfac: KfacBlock;
  readonly ekfac: EkfacBlock;
  readonly ekfac_ra: EkfacBlock;
  readonly tkfac: TkfacBlock;
  readonly tekfac: TekfacBlock;
}

/** What a case is compared with. Matrices on the backend live until the scope of `withLayer` ends. */
export interface ObservedLayer {
  readonly backend: Backend;
  /** The layer's weights, and the mean gradient that its backward pass left. */
  readonly parameter: Parameter;
  readonly capture: KroneckerCapture;
  readonly blocks: Blocks;
  /** N. */
  readonly examples: number;
  /** Inputs and output gradients on the host, in float64, as the library lays them out. */
  readonly inputs: DenseMatrix;
  readonly outputGradients: DenseMatrix;
  /** Passes on to the damping of the i-th update: renews the inverses that depend on it. */
  refresh(update: number): void;
}

/** Stands for an interval that never ends. */
const NEVER = Number.MAX_SAFE_INTEGER;

/**
 * Builds the layer of a case, runs it forward and backward, and lets the blocks observe the batch.
 *
 * The numbers of a GPU come later, when the scope has ended and its temporaries are gone: so everything
 * below asks for all it will read before it first waits.
 *
 * @param lambdas Damping of each update of the case. Step i of the blocks is the i-th update: only the
 * damping changes, the statistics stay (NEVER) and so do the bases (no basis is ever stale).
 * @param body Asks for numbers, then compares; everything is given back when its promise settles.
 */
export async function withLayer(
  backend: Backend,
  golden: Fields,
  lambdas: readonly number[],
  body: (layer: ObservedLayer) => Promise<unknown>,
): Promise<void> {
  const inputs = batchMatrix(golden.tensor("a"));
  const outputGradients = batchMatrix(golden.tensor("outputGrads"));
  const examples = golden.tensor("a").shape[0];
  const layer = buildLayer(backend, golden);
  const parameter = layer.parameter!;
  const damping = { kind: "absolute" as const, lambda: (i: number) => lambdas[i] ?? 1 };
  const blocks: Blocks = {
    kfac: new KfacBlock(backend, parameter, { damping }),
    ekfac: new EkfacBlock(backend, parameter, { damping }),
    ekfac_ra: new EkfacBlock(backend, parameter, { damping, eigenvaluesFrom: "runningAverage" }),
    tkfac: new TkfacBlock(backend, parameter, { damping }),
    tekfac: new TekfacBlock(backend, parameter, { damping }),
  };
  const intervals = { statistics: NEVER, basis: 1, eigenvalues: NEVER };
  const estimator = new CurvatureEstimator(backend, Object.values<Block>({ ...blocks }), {
    plan: { intervals, denseStart: false, staggered: false },
    averaging: "seeded",
    factorDecay: 0,
    eigenvalueDecay: 0,
    staleness: 1,
    refresh: { kind: "immediate" },
    toleratedFailures: 0,
  });
  try {
    await backend.scope(() => {
      const upload = (matrix: DenseMatrix) => {
        const handle = backend.scratch(matrix.rows, matrix.cols);
        backend.write(handle, matrix.data);
        return handle;
      };
      if (golden.has("Wbar")) {
        const weights = golden.tensor("Wbar", 2).data;
        backend.write(parameter.value, toStoredOrder(parameter.layer, weights));
      }
      layer.forward(upload(inputs), examples, { kind: "training", draw: 0 });
      layer.backward(
        upload(outputGradients),
        { kind: "gradient", scale: 1 / examples, decay: 0 },
        false,
      );
      const capture = layer.capture as KroneckerCapture;
      const batch = {
        examples,
        gradientExamples: examples,
        forEachCapture: (visit: (captureOf: () => Capture) => void) => visit(() => capture),
      };
      estimator.update(0, batch);
      return body({
        backend,
        parameter,
        capture,
        blocks,
        examples,
        inputs,
        outputGradients,
        refresh: (update) => void (update > 0 && estimator.update(update, batch)),
      });
    });
  } finally {
    estimator[Symbol.dispose]();
    layer[Symbol.dispose]();
  }
}

/** A copy of a matrix of the backend, for mathematics on the host. */
export async function download(
  backend: Backend,
  matrix: Parameter["value"],
): Promise<DenseMatrix> {
  return denseMatrix(matrix.rows, matrix.cols, await backend.read(matrix));
}

function buildLayer(backend: Backend, golden: Fields): Layer {
  const layer = golden.group("layer");
  const bias = layer.flag("bias");
  const context = (input: ExampleShape): BuildContext => ({
    backend,
    input,
    name: golden.text("name"),
    random: new Random(0),
    build: (spec, inner) => spec.build(context(inner)),
  });
  const kind = layer.text("kind");
  if (kind === "dense") {
    const inFeatures = layer.number("inFeatures");
    return dense(layer.number("outFeatures"), { bias }).build(context([inFeatures]));
  }
  const [, , height, width] = golden.tensor("a", 4).shape;
  return conv2d(layer.number("outChannels"), {
    kernel: layer.pair("kernel"),
    stride: layer.pair("stride"),
    padding: layer.pair("padding"),
    dilation: layer.pair("dilation"),
    bias,
  }).build(context([height, width, layer.number("inChannels")]));
}
