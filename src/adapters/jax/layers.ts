/**
 * What a tree of parameters of jax-js is to curvature: its layers, and the matrices that they are.
 *
 * @module
 */

import { OptionError, ShapeError } from "../../core/errors.ts";
import { type ConvGeometry, type Pair, patchLength, resolveWindow } from "../../core/geometry.ts";
import { checkChoice, checkNumber } from "../../core/options.ts";
import { ownBlock } from "../../curvature/blocks/own_block.ts";
import { tiedCapture } from "../../curvature/tied_capture.ts";
import type { ExternalParameter } from "../../optim/external_parameter.ts";
import { arraysOf, type JaxParams } from "./tree.ts";

/**
 * A layer `x w + b` with w [dIn, dOut] and b [dOut]. Takes [N, dIn], or sequences and images [N, ..., dIn] of which
 * every position is taken for itself.
 */
export interface JaxDense {
  /** Tells the kinds apart. */
  readonly kind: "dense";
  /**
   * Positions that an example usually has, T. Batches may have others; how far damping allows for noise depends on it.
   *
   * @default {1}
   */
  readonly positions?: number;
}

/** A table w [V, width] whose rows are looked up by integers [N] or [N, ...]: `w[tokens]`. */
export interface JaxEmbedding {
  /** Tells the kinds apart. */
  readonly kind: "embedding";
  /**
   * Whether the table is also the weights of a head, `x w^T`: then the head is probed under the same name, with its
   * inputs, and curvature is that of the sum over all uses. @default {false}
   */
  readonly tied?: boolean;
}

/**
 * Scales w and shifts b of channels, `x w + b` elementwise with w and b [C], of rows [N, C] or [N, ..., C] that are
 * normalised each for itself; b may be missing.
 */
export interface JaxScaleShift {
  /** Tells the kinds apart. */
  readonly kind: "scaleShift";
}

/** A layer `lax.convGeneralDilated(x, w, ...) + b` with w [dOut, channels, height, width] and b [dOut]. */
export interface JaxConv2d {
  /** Tells the kinds apart. */
  readonly kind: "conv2d";
  /** Height and width of the images that enter it. */
  readonly image: Pair;
  /** Step between windows. @default {1} */
  readonly stride?: number | Pair;
  /** Zeros added on each side. @default {0} */
  readonly padding?: number | Pair;
  /** Distance between neighbouring pixels of the window. @default {1} */
  readonly dilation?: number | Pair;
}

/** A layer whose curvature is seen. */
export type JaxLayer = JaxDense | JaxConv2d | JaxEmbedding | JaxScaleShift;

/**
 * The layers whose curvature is seen, by where their `{ w, b }` lie in the parameters: `"dense1"`, or
 * `"encoder.dense1"`. All other arrays are preconditioned by their gradients alone.
 */
export type JaxLayers = Readonly<Record<string, JaxLayer>>;

/** One matrix of the optimizer and the arrays it stands for. */
export interface Site {
  /** What the optimizer knows of it. */
  readonly parameter: ExternalParameter;
  /** Where its arrays lie: weights, then the bias if there is one. */
  readonly paths: readonly string[];
  /** Shapes of the arrays. */
  readonly shapes: readonly (readonly number[])[];
  /** How the arrays become the matrix: w transposed, or its columns reordered, b beside it; or one below the other. */
  readonly order: "transposed" | "patches" | "rows";
}

/**
 * The matrices of a tree.
 *
 * @throws {OptionError} When a layer has no weights, or they do not fit its kind.
 */
export function sitesOf(tree: JaxParams, layers: JaxLayers): Site[] {
  const arrays = arraysOf(tree);
  const claimed = new Set<string>();
  const sites = Object.entries(layers).map(([name, layer]): Site => {
    const paths = [`${name}.w`, `${name}.b`].filter((path) => arrays.has(path));
    paths.forEach((path) => claimed.add(path));
    const shapes = paths.map((path) => arrays.get(path)!.shape);
    const parameter = parameterOf(name, layer, paths, shapes);
    const block = ownBlock(parameter.layer, parameter.shape[0]);
    const whole = {
      ...parameter,
      ...(block === undefined ? {} : { block }),
      ...(layer.kind === "embedding" && layer.tied ? { joinCaptures: tiedCapture } : {}),
    };
    return { parameter: whole, paths, shapes, order: ORDER[layer.kind] };
  });
  for (const [path, { shape }] of arrays) {
    if (claimed.has(path)) continue;
    const size = shape.reduce((product, n) => product * n, 1);
    const matrix: [number, number] = shape.length === 2 ? [shape[0], shape[1]] : [1, size];
    const parameter: ExternalParameter = { name: path, layer: { kind: "other" }, shape: matrix };
    sites.push({ parameter, paths: [path], shapes: [shape], order: "rows" });
  }
  return sites;
}

/** See {@linkcode Site.order}. */
const ORDER = {
  dense: "transposed",
  conv2d: "patches",
  embedding: "rows",
  scaleShift: "rows",
} as const;

/** Dimensions of w. */
const DIMENSIONS = { dense: 2, conv2d: 4, embedding: 2, scaleShift: 1 } as const;

const SUBJECT = "Cannot create the transformation";

function parameterOf(
  name: string,
  layer: JaxLayer,
  paths: readonly string[],
  [shape, biasShape]: readonly (readonly number[])[],
): ExternalParameter {
  const option = `layers.${name}`;
  checkChoice(SUBJECT, `${option}.kind`, layer.kind, Object.keys(DIMENSIONS) as JaxLayer["kind"][]);
  const dimensions = DIMENSIONS[layer.kind];
  const table = layer.kind === "embedding";
  if (paths[0] !== `${name}.w` || shape.length !== dimensions || (table && biasShape)) {
    const parts = table ? "{ w }" : "{ w, b }";
    const expectation =
      `must name a part ${parts} of the parameters, w with ${dimensions} dimensions`;
    throw new OptionError(SUBJECT, option, expectation, paths);
  }
  const bias = biasShape !== undefined;
  const dOut = layer.kind === "dense" ? shape[1] : shape[0];
  if (bias && (biasShape.length !== 1 || biasShape[0] !== dOut)) {
    throw new ShapeError(`${SUBJECT}: '${name}.b'`, `[${dOut}]`, `[${biasShape.join(", ")}]`);
  }
  switch (layer.kind) {
    case "dense": {
      const { positions = 1 } = layer;
      checkNumber(SUBJECT, `${option}.positions`, positions, { min: 1, integer: true });
      const kind = { kind: "dense", bias, ...(positions > 1 ? { positions } : {}) } as const;
      return { name, layer: kind, shape: [dOut, shape[0] + (bias ? 1 : 0)] };
    }
    case "embedding": {
      // Weights of the head that it is tied to: a table's transpose is what they are not.
      const kind = layer.tied ? { kind: "dense", bias: false } as const : layer;
      return { name, layer: kind, shape: [shape[0], shape[1]] };
    }
    case "scaleShift":
      return { name, layer, shape: [bias ? 2 : 1, dOut] };
    case "conv2d":
      return convolutionOf(name, layer, shape, bias);
  }
}

function convolutionOf(
  name: string,
  { image: [height, width], stride = 1, padding = 0, dilation = 1 }: JaxConv2d,
  [dOut, channels, ...kernel]: readonly number[],
  bias: boolean,
): ExternalParameter {
  const options = { kernel: kernel as unknown as Pair, stride, padding, dilation };
  const window = resolveWindow(`${SUBJECT}: '${name}'`, [height, width, channels], options);
  const geometry: ConvGeometry = { ...window, bias };
  return { name, layer: { kind: "conv2d", geometry }, shape: [dOut, patchLength(geometry)] };
}
