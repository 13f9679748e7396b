/**
 * The capture of weights that several layers share: one of a layer whose locations are those of all of them.
 *
 * The gradient of an example is the sum over the places, `G_n = sum_u sum_t g_nut abar_nut^T`, as it is the sum over
 * the locations of a convolution. So the places lie side by side in the example, and whatever is known of locations
 * holds for places: factors are sums over them, Theta is the second moment of the summed gradient.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type {
  Capture,
  ConvCapture,
  ElementsCapture,
  EmbeddingCapture,
  KroneckerCapture,
  LocationMask,
} from "../core/capture.ts";
import { columnsOfGroup, groupCapture } from "../core/groups.ts";
import { locationsOf, patchLength } from "../core/geometry.ts";
import { columnsOf, isContiguous, type Matrix, reshaped } from "../core/matrix.ts";

/** Inputs and output gradients of one place, [N T, dIn'] and [N T, dOut]. */
export interface Place {
  readonly inputs: Matrix;
  readonly outputGradients: Matrix;
  /** Groups of a convolution, whose patches lie side by side. @default {1} */
  readonly groups?: number;
  readonly mask?: LocationMask | undefined;
}

/**
 * Joins what layers of one kind have left of their parameter, in scratch memory.
 *
 * @param captures Of equally many examples; at least two.
 */
export function sharedCapture(backend: Backend, captures: readonly Capture[]): Capture {
  const { examples } = captures[0];
  const of = <K extends Capture["kind"]>(kind: K) =>
    captures.filter((capture): capture is Extract<Capture, { kind: K }> => capture.kind === kind);
  const elements = of("elements"), embeddings = of("embedding");
  if (elements.length > 0) return summed(backend, elements);
  if (embeddings.length > 0) return oneSequence(backend, embeddings);
  const places = [...of("dense"), ...of("conv2d")].map((capture) => placeOf(backend, capture));
  return sideBySide(backend, places, examples);
}

function summed(backend: Backend, captures: readonly ElementsCapture[]): ElementsCapture {
  const [first] = captures;
  const { rows, cols } = first.gradients;
  const gradients = backend.scratch(rows, cols);
  captures.forEach((capture, i) => backend.axpby(gradients, 1, capture.gradients, +(i > 0)));
  return { ...first, gradients };
}

function oneSequence(backend: Backend, captures: readonly EmbeddingCapture[]): EmbeddingCapture {
  const [first] = captures;
  const { examples } = first;
  const tokens = joined(backend, captures.map(({ tokens }) => tokens), examples, 1);
  const gradients = captures.map(({ outputGradients }) => outputGradients);
  const outputGradients = joined(backend, gradients, examples, gradients[0].cols);
  const mask = joinedMasks(backend, captures, examples);
  return { ...first, tokens: reshaped(tokens, 1, tokens.rows), outputGradients, mask };
}

/** A capture whose locations are those of all places. */
export function sideBySide(
  backend: Backend,
  places: readonly Place[],
  examples: number,
): ConvCapture {
  const join = (matrices: readonly Matrix[]): Matrix =>
    joined(backend, matrices, examples, matrices[0].cols);
  const images = join(places.map(({ inputs }) => inputs));
  const outputGradients = join(places.map((place) => place.outputGradients));
  const geometry = {
    channels: images.cols,
    height: images.rows / examples,
    width: 1,
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    // Rows of inputs have their constant already.
    bias: false,
    groups: places[0].groups ?? 1,
  } as const;
  const mask = joinedMasks(backend, places, examples);
  return { kind: "conv2d", examples, geometry, images, outputGradients, mask };
}

/** The masks of all places, of which those without one count everywhere. */
function joinedMasks(
  backend: Backend,
  places: readonly Pick<Place, "outputGradients" | "mask">[],
  examples: number,
): LocationMask | undefined {
  if (places.every(({ mask }) => mask === undefined)) return undefined;
  const counts = new Float64Array(examples);
  const parts = places.map(({ outputGradients: { rows }, mask }) => {
    for (let n = 0; n < examples; n++) counts[n] += mask?.counts[n] ?? rows / examples;
    if (mask !== undefined) return mask.weights;
    const ones = backend.scratch(1, rows);
    backend.write(ones, new Float32Array(rows).fill(1));
    return ones;
  });
  const weights = joined(backend, parts, examples, 1);
  return { weights: reshaped(weights, 1, weights.rows), counts };
}

/** Rows of a width, those of each example together: [N sum T, cols]. */
function joined(
  backend: Backend,
  matrices: readonly Matrix[],
  examples: number,
  cols: number,
): Matrix {
  const parts = matrices.map((m) => {
    let whole = m;
    if (!isContiguous(m)) {
      whole = backend.scratch(m.rows, m.cols);
      backend.axpby(whole, 1, m, 0);
    }
    return reshaped(whole, examples, m.rows * m.cols / examples);
  });
  const out = backend.scratch(examples, parts.reduce((sum, part) => sum + part.cols, 0));
  let end = 0;
  for (const part of parts) {
    backend.axpby(columnsOf(out, end, end += part.cols), 1, part, 0);
  }
  return reshaped(out, examples * out.cols / cols, cols);
}

/** What one layer has left, patches as rows. */
export function placeOf(backend: Backend, capture: KroneckerCapture): Place {
  if (capture.kind === "dense") return capture;
  const { geometry, examples, outputGradients, mask } = capture;
  const { groups = 1 } = geometry;
  const rows = examples * locationsOf(geometry);
  const inputs = backend.scratch(rows, groups * patchLength(geometry));
  for (let group = 0; group < groups; group++) {
    const one = groupCapture(capture, group);
    backend.patches(columnsOfGroup(inputs, groups, group), one.images, one.geometry);
  }
  return { inputs, outputGradients, groups, mask };
}
