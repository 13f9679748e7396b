/**
 * Directions in a layer's weights, and the derivatives of many examples' losses along them. The gradient of an
 * example is a sum of products of its inputs and output gradients, so
 *
 * ```text
 * <P, G_n> = sum_t g_nt . (P abar_nt)
 * ```
 *
 * is a pass through the layer with P in the place of its weights: no example's gradient is formed.
 *
 * @module
 */

import type { Backend, Basis } from "../backend/backend.ts";
import type { Capture, EmbeddingCapture, KroneckerCapture } from "../core/capture.ts";
import { columnsOf, type Matrix, type OwnedMatrix, reshaped, rowsOf } from "../core/matrix.ts";
import type { LayerKind } from "../core/parameter.ts";
import { Random } from "../core/random.ts";
import { inputRows } from "../curvature/sketch.ts";
import type { LayerCurvature } from "./layer_curvature.ts";
import { writeLowRank } from "./low_rank.ts";

/** Numbers that a pass may take as scratch before directions are taken in groups. */
const SCRATCH = 2 ** 22;

/** Q directions in one layer; owns them. Temporaries are scratch: call inside a scope. */
export class Directions implements Disposable {
  /** Numbers that each direction takes. */
  readonly size: number;
  readonly #backend: Backend;
  /** Rows of each direction: those of the layer, or k of a product `left^T right`. */
  readonly #rows: number;
  /** [Q rows, dIn']. */
  readonly #right: OwnedMatrix;
  /** [Q k, dOut]; absent where directions are whole. */
  readonly #left: OwnedMatrix | undefined;
  readonly #random: OwnedMatrix | undefined;

  /**
   * Allocates `count` directions.
   *
   * @param rank Singular vectors that are kept, where that is less work than keeping all.
   */
  constructor(
    backend: Backend,
    { parameter: { layer, value } }: LayerCurvature,
    count: number,
    rank: number | "full",
  ) {
    this.#backend = backend;
    const { rows, cols } = value;
    const k = rankFor(layer, rows, cols, rank);
    this.#rows = k ?? rows;
    this.size = sizeFor(layer, rows, cols, rank);
    const owned: OwnedMatrix[] = [];
    const alloc = (rows: number, cols: number): OwnedMatrix => {
      owned.push(backend.alloc(rows, cols));
      return owned.at(-1)!;
    };
    try {
      this.#right = alloc(count * this.#rows, cols);
      if (k === undefined) return;
      this.#left = alloc(count * k, rows);
      this.#random = alloc(k, cols);
      const random = new Random(rows + cols);
      backend.write(this.#random, Float64Array.from({ length: k * cols }, () => random.normal()));
    } catch (error) {
      for (const matrix of owned) matrix[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Sets direction `q` to `P`, in the shape of the layer's weights.
   *
   * @param start Random rows, as {@linkcode Directions.startIn} leaves them, where P is in the coordinates of a basis.
   */
  set(q: number, p: Matrix, start: Matrix | undefined = this.#random): void {
    const own = (m: Matrix): Matrix => rowsOf(m, q * this.#rows, (q + 1) * this.#rows);
    const backend = this.#backend;
    if (this.#left === undefined) backend.axpby(own(this.#right), 1, p, 0);
    else writeLowRank(backend, own(this.#left), own(this.#right), p, start!);
  }

  /** The random rows that low ranks start from, in a basis, so that no basis makes a difference; scratch. */
  startIn({ input }: Basis): Matrix | undefined {
    if (this.#random === undefined) return undefined;
    const out = this.#backend.scratch(this.#random.rows, this.#random.cols);
    this.#backend.gemm(out, this.#random, input);
    return out;
  }

  /** Takes the directions `from` to `to` out of a basis that they were set in: `P <- Q_out P Q_in^T`. */
  rotateBack(from: number, to: number, { output, input }: Basis): void {
    const backend = this.#backend;
    const turn = (m: Matrix, rows: number, by: Matrix): void =>
      backend.scope(() => {
        const [own, old] = [
          rowsOf(m, from * rows, to * rows),
          backend.scratch((to - from) * rows, m.cols),
        ];
        backend.axpby(old, 1, own, 0);
        backend.gemm(own, old, by, { transposeB: true });
      });
    turn(this.#right, this.#rows, input);
    if (this.#left !== undefined) return turn(this.#left, this.#rows, output);
    for (let q = from; q < to; q++) {
      backend.scope(() => {
        const [own, old] = [
          rowsOf(this.#right, q * this.#rows, (q + 1) * this.#rows),
          backend.scratch(this.#rows, this.#right.cols),
        ];
        backend.axpby(old, 1, own, 0);
        backend.gemm(own, output, old);
      });
    }
  }

  /** `out_qn = <P_q, G_n>`, [Q, N]. */
  derivatives(out: Matrix, capture: Capture): void {
    switch (capture.kind) {
      case "elements": {
        const rows = reshaped(this.#right, out.rows, capture.gradients.cols);
        return this.#backend.gemm(out, rows, capture.gradients, { transposeB: true });
      }
      case "embedding":
        return this.#ofTokens(out, capture);
      default:
        return this.#through(out, capture);
    }
  }

  /** Gives all matrices back. */
  [Symbol.dispose](): void {
    for (const matrix of [this.#right, this.#left, this.#random]) matrix?.[Symbol.dispose]();
  }

  #through(out: Matrix, capture: KroneckerCapture): void {
    const backend = this.#backend;
    const { outputGradients: g } = capture;
    // Groups of a convolution find their rows in one direction at a time.
    const group = isGrouped(capture) ? 1 : Math.max(1, Math.floor(SCRATCH / (g.rows * this.#rows)));
    for (let from = 0; from < out.rows; from += group) {
      const to = Math.min(from + group, out.rows);
      backend.scope(() => {
        const part = (m: Matrix): Matrix => rowsOf(m, from * this.#rows, to * this.#rows);
        const outputs = inputRows(backend, capture).project(part(this.#right));
        const left = this.#left && this.#times(g, part(this.#left));
        for (let q = from; q < to; q++) {
          const own = (m: Matrix): Matrix =>
            columnsOf(m, (q - from) * this.#rows, (q - from + 1) * this.#rows);
          this.#dots(rowsOf(out, q, q + 1), own(outputs), left === undefined ? g : own(left));
        }
      });
    }
  }

  #ofTokens(out: Matrix, { tokens, outputGradients: g }: EmbeddingCapture): void {
    const backend = this.#backend;
    for (let q = 0; q < out.rows; q++) {
      backend.scope(() => {
        const looked = backend.scratch(g.rows, g.cols);
        const table = rowsOf(this.#right, q * this.#rows, (q + 1) * this.#rows);
        backend.gatherRows(looked, table, tokens);
        this.#dots(rowsOf(out, q, q + 1), looked, g);
      });
    }
  }

  /** `out_n = sum_t x_nt . y_nt`, out [1, N]. */
  #dots(out: Matrix, x: Matrix, y: Matrix): void {
    const backend = this.#backend;
    const locations = x.rows / out.cols;
    if (locations === 1) return backend.rowDots(out, x, y);
    const [each, ones] = [backend.scratch(1, x.rows), backend.scratch(1, locations)];
    backend.rowDots(each, x, y);
    backend.write(ones, new Float64Array(locations).fill(1));
    backend.gemm(out, ones, reshaped(each, out.cols, locations), { transposeB: true });
  }

  #times(x: Matrix, y: Matrix): Matrix {
    const out = this.#backend.scratch(x.rows, y.rows);
    this.#backend.gemm(out, x, y, { transposeB: true });
    return out;
  }
}

/** Whether a convolution has groups. */
function isGrouped(layer: LayerKind | KroneckerCapture): boolean {
  return layer.kind === "conv2d" && (layer.geometry.groups ?? 1) > 1;
}

/** k of a product that is less work than the whole, or `undefined`. */
function rankFor(
  layer: LayerKind,
  rows: number,
  cols: number,
  rank: number | "full",
): number | undefined {
  const { kind } = layer;
  if (rank === "full" || (kind !== "dense" && kind !== "conv2d") || isGrouped(layer)) {
    return undefined;
  }
  return rank * (rows + cols) < rows * cols ? rank : undefined;
}

/** Numbers that a direction in a layer takes. */
export function sizeFor(
  layer: LayerKind,
  rows: number,
  cols: number,
  rank: number | "full",
): number {
  const k = rankFor(layer, rows, cols, rank);
  return k === undefined ? rows * cols : k * (rows + cols);
}
