/**
 * Between a tree of parameters of jax-js and matrices of this library.
 *
 * @module
 */

import { Array as ArrayOfJax, numpy as np } from "npm:@jax-js/jax@0.1.25";
import { OptionError, ShapeError, StateError } from "../../core/errors.ts";
import { type ConvGeometry, type Pair, patchLength, resolveWindow } from "../../core/geometry.ts";
import { toPublicOrder, toStoredOrder } from "../../nn/weights.ts";
import type { ExternalParameter } from "../../optim/external_parameter.ts";

/** An array of jax-js, under a name that does not hide JavaScript's own. */
export type JaxArray = (typeof import("npm:@jax-js/jax@0.1.25"))["Array"]["prototype"];

/** The version that the tests run with; jax-js itself does not tell which one it is. */
export const TESTED_VERSION = "0.1.25";

/** Parameters: arrays in objects in objects. Those of a layer are `{ w, b }`, or `{ w }` without bias. */
export interface JaxParams {
  /** An array, or a part of the model with arrays of its own. */
  readonly [name: string]: JaxArray | JaxParams;
}

/** A layer `x w + b` with w [dIn, dOut] and b [dOut]. */
export interface JaxDense {
  /** Tells the two kinds apart. */
  readonly kind: "dense";
}

/** A layer `lax.convGeneralDilated(x, w, ...) + b` with w [dOut, channels, height, width] and b [dOut]. */
export interface JaxConv2d {
  /** Tells the two kinds apart. */
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

/**
 * The layers whose curvature is seen, by where their `{ w, b }` lie in the parameters: `"dense1"`, or
 * `"encoder.dense1"`. All other arrays are preconditioned by their gradients alone.
 */
export type JaxLayers = Readonly<Record<string, JaxDense | JaxConv2d>>;

/** One matrix of the optimizer and the arrays it stands for. */
export interface Site {
  /** What the optimizer knows of it. */
  readonly parameter: ExternalParameter;
  /** Where its arrays lie: weights, then the bias if there is one. */
  readonly paths: readonly string[];
  /** Shapes of the arrays. */
  readonly shapes: readonly (readonly number[])[];
}

/** All arrays of a tree by path: `"dense1.w"`. */
export function arraysOf(tree: JaxParams, prefix = ""): Map<string, JaxArray> {
  const found = new Map<string, JaxArray>();
  for (const [key, value] of Object.entries(tree)) {
    const path = prefix + key;
    if (value instanceof ArrayOfJax) found.set(path, value);
    else if (isTree(value)) {
      arraysOf(value, `${path}.`).forEach((array, at) => found.set(at, array));
    } else {
      throw new StateError(
        `Cannot use '${path}': expected an array of @jax-js/jax ${TESTED_VERSION}, with which this ` +
          "adapter is tested; what came is none, or belongs to another version or copy of the package: " +
          "import the same one everywhere",
      );
    }
  }
  return found;
}

/** A tree of the same form with other arrays. */
export function rebuilt<P extends JaxParams>(
  tree: P,
  arrays: ReadonlyMap<string, JaxArray>,
  prefix = "",
): P {
  const entries = Object.entries(tree).map(([key, value]) => {
    const path = prefix + key;
    return [key, arrays.get(path) ?? rebuilt(value as JaxParams, arrays, `${path}.`)];
  });
  return Object.fromEntries(entries) as P;
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
    return { parameter: parameterOf(name, layer, paths, shapes), paths, shapes };
  });
  for (const [path, { shape }] of arrays) {
    if (claimed.has(path)) continue;
    const size = shape.reduce((product, n) => product * n, 1);
    const matrix: [number, number] = shape.length === 2 ? [shape[0], shape[1]] : [1, size];
    const parameter: ExternalParameter = { name: path, layer: { kind: "other" }, shape: matrix };
    sites.push({ parameter, paths: [path], shapes: [shape] });
  }
  return sites;
}

function parameterOf(
  name: string,
  layer: JaxDense | JaxConv2d,
  paths: readonly string[],
  [shape, biasShape]: readonly (readonly number[])[],
): ExternalParameter {
  const subject = "Cannot create the transformation";
  const dimensions = layer.kind === "dense" ? 2 : 4;
  if (paths[0] !== `${name}.w` || shape.length !== dimensions) {
    const expectation =
      `must name a part { w, b } of the parameters, w with ${dimensions} dimensions`;
    throw new OptionError(subject, `layers.${name}`, expectation, paths);
  }
  const bias = biasShape !== undefined;
  const dOut = layer.kind === "dense" ? shape[1] : shape[0];
  if (bias && (biasShape.length !== 1 || biasShape[0] !== dOut)) {
    throw new ShapeError(`${subject}: '${name}.b'`, `[${dOut}]`, `[${biasShape.join(", ")}]`);
  }
  if (layer.kind === "dense") {
    const cols = shape[0] + (bias ? 1 : 0);
    return { name, layer: { kind: "dense", bias }, shape: [dOut, cols] };
  }
  const [height, width] = layer.image;
  const { stride = 1, padding = 0, dilation = 1 } = layer;
  const kernel: Pair = [shape[2], shape[3]];
  const options = { kernel, stride, padding, dilation };
  const window = resolveWindow(`${subject}: '${name}'`, [height, width, shape[1]], options);
  const geometry: ConvGeometry = { ...window, bias };
  return { name, layer: { kind: "conv2d", geometry }, shape: [dOut, patchLength(geometry)] };
}

/** Numbers of a site's arrays as its matrix `[weights | bias]`, columns as the library stores them. */
export function toMatrix({ parameter }: Site, arrays: readonly ArrayLike<number>[]): Float64Array {
  const { layer, shape: [rows, cols] } = parameter;
  const [w, b] = arrays;
  if (layer.kind !== "dense" && layer.kind !== "conv2d") return Float64Array.from(w);
  const inputs = cols - (b === undefined ? 0 : 1);
  const matrix = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < inputs; j++) {
      matrix[i * cols + j] = layer.kind === "dense" ? w[j * rows + i] : w[i * inputs + j];
    }
    if (b !== undefined) matrix[i * cols + inputs] = b[i];
  }
  return toStoredOrder(layer, matrix);
}

/** The inverse of {@linkcode toMatrix}: new arrays of jax-js by path. */
export function toArrays(site: Site, stored: ArrayLike<number>): Map<string, JaxArray> {
  const { parameter: { layer, shape: [rows, cols] }, paths, shapes } = site;
  const matrix = toPublicOrder(layer, stored);
  const inputs = cols - (paths.length - 1);
  const w = new Float32Array(rows * inputs), b = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < inputs; j++) {
      w[layer.kind === "dense" ? j * rows + i : i * inputs + j] = matrix[i * cols + j];
    }
    b[i] = matrix[i * cols + cols - 1];
  }
  return new Map(
    paths.map((path, i) => [path, np.array([w, b][i]).reshape([...shapes[i]])]),
  );
}

/** A plain object; arrays of any package have a class. */
function isTree(value: unknown): value is JaxParams {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}
