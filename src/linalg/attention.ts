/**
 * Attention of several heads (Vaswani et al. 2017, arXiv 1706.03762, section 3.2), with queries, keys and values
 * side by side.
 *
 * For every example and head of d = C / heads channels, with queries q, keys k and values v at positions t:
 *
 * ```text
 * s_tu = q_t . k_u / sqrt(d)      p_t = softmax over u of s_tu, u <= t where causal      y_t = sum_u p_tu v_u
 * ```
 *
 * Keys of padding are left out of the softmax; a query that sees none gives zeros. Dropout takes `c_tu p_tu` in the
 * place of `p_tu` in y, with c 0 for a share of the pairs and `1 / (1 - share)` for the others: a hash of the example's
 * seed and of head, t and u says which.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix } from "./dense_matrix.ts";

/** What an attention is. */
export interface AttentionShape {
  /** T, positions of an example. */
  readonly positions: number;
  /** Heads, each of C / heads consecutive channels. */
  readonly heads: number;
  /** Whether a position sees only itself and those before it. */
  readonly causal: boolean;
  /** Share of the weights p that is dropped, in [0, 1), where there are seeds. @default {0} */
  readonly dropout?: number;
}

/** What some attentions have besides. */
export interface AttentionExtras {
  /** 1 for positions that are seen, 0 for padding, [1, N T]. @default {all are seen} */
  readonly mask?: DenseMatrix | undefined;
  /** Integers in [0, 2^24), from which follows what is dropped, one per example, [1, N]. @default {nothing is} */
  readonly seeds?: DenseMatrix | undefined;
}

/**
 * The heads' outputs y.
 *
 * @param qkv [N T, 3 C]: queries, keys, values.
 * @returns [N T, C].
 *
 * @example A head that attends to the position whose key is like the query
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const qkv = linalg.denseMatrix(2, 3, [0, 9, 1, 9, -9, 2]); // q, k, v of two positions
 * const shape = { positions: 2, heads: 1, causal: false };
 * const y = linalg.attention(qkv, shape);
 * assert.equal(y.data[0], 1.5); // a query of zero sees all alike
 * assert(Math.abs(y.data[1] - 1) < 1e-12);
 *
 * const g = linalg.denseMatrix(2, 1, [1, 0]);
 * const values = linalg.attentionGradient(qkv, g, shape).data.filter((_, i) => i % 3 === 2);
 * assert.deepEqual([...values], [0.5, 0.5]);
 * ```
 */
export function attention(
  qkv: DenseMatrix,
  shape: AttentionShape,
  extras: AttentionExtras = {},
): DenseMatrix {
  const channels = qkv.cols / 3;
  const out = denseMatrix(qkv.rows, channels);
  forEachRow(qkv, shape, (query) => {
    const { row, from, to, column, width } = query;
    const counts = countsOf(shape, extras, query);
    const p = probabilities(qkv, shape, query, extras.mask).map((value, i) => value * counts[i]);
    for (let u = from; u < to; u++) {
      for (let c = 0; c < width; c++) {
        out.data[row * channels + column + c] += p[u - from] *
          qkv.data[u * qkv.cols + 2 * channels + column + c];
      }
    }
  });
  return out;
}

/**
 * The gradient of queries, keys and values from that of y: with `dp_tu = g_t . v_u` and
 * `ds_tu = p_tu (dp_tu - sum_w p_tw dp_tw) / sqrt(d)`,
 * `dq_t = sum_u ds_tu k_u`, `dk_u = sum_t ds_tu q_t`, `dv_u = sum_t p_tu g_t`.
 *
 * @param qkv [N T, 3 C].
 * @param g [N T, C].
 * @returns [N T, 3 C].
 */
export function attentionGradient(
  qkv: DenseMatrix,
  g: DenseMatrix,
  shape: AttentionShape,
  extras: AttentionExtras = {},
): DenseMatrix {
  const { cols, data } = qkv;
  const channels = cols / 3;
  const out = denseMatrix(qkv.rows, cols);
  forEachRow(qkv, shape, (query) => {
    const { row, from, to, column, width } = query;
    const counts = countsOf(shape, extras, query);
    const p = probabilities(qkv, shape, query, extras.mask);
    const dp = p.map((_, i) => {
      let sum = 0;
      for (let c = column; c < column + width; c++) {
        sum += g.data[row * channels + c] * data[(from + i) * cols + 2 * channels + c];
      }
      return sum * counts[i];
    });
    const mean = p.reduce((sum, value, i) => sum + value * dp[i], 0);
    for (let u = from; u < to; u++) {
      const ds = p[u - from] * (dp[u - from] - mean) / Math.sqrt(width);
      for (let c = column; c < column + width; c++) {
        out.data[row * cols + c] += ds * data[u * cols + channels + c];
        out.data[u * cols + channels + c] += ds * data[row * cols + c];
        out.data[u * cols + 2 * channels + c] += counts[u - from] * p[u - from] *
          g.data[row * channels + c];
      }
    }
  });
  return out;
}

/** One query: its row, the rows it sees (the last excluded), and its head's first channel and width. */
interface Query {
  readonly row: number;
  readonly from: number;
  readonly to: number;
  readonly column: number;
  readonly width: number;
}

function forEachRow(
  { rows, cols }: DenseMatrix,
  { positions, heads, causal }: AttentionShape,
  visit: (query: Query) => void,
): void {
  const width = cols / 3 / heads;
  for (let row = 0; row < rows; row++) {
    const from = row - row % positions;
    const to = causal ? row + 1 : from + positions;
    for (let h = 0; h < heads; h++) visit({ row, from, to, column: h * width, width });
  }
}

function probabilities(
  { cols, data }: DenseMatrix,
  { heads }: AttentionShape,
  { row, from, to, column }: Query,
  mask: DenseMatrix | undefined,
): Float64Array {
  const channels = cols / 3;
  const width = channels / heads;
  const scores = Float64Array.from({ length: to - from }, (_, i) => {
    if (mask?.data[from + i] === 0) return -Infinity;
    let sum = 0;
    for (let c = column; c < column + width; c++) {
      sum += data[row * cols + c] * data[(from + i) * cols + channels + c];
    }
    return sum / Math.sqrt(width);
  });
  const largest = scores.reduce((most, s) => Math.max(most, s), -Infinity);
  if (largest === -Infinity) return scores.fill(0);
  const weights = scores.map((s) => Math.exp(s - largest));
  const total = weights.reduce((sum, w) => sum + w, 0);
  return weights.map((w) => w / total);
}

/** How much each key that a query sees counts in its sum: 1 without dropout. */
function countsOf(
  { positions, heads, dropout = 0 }: AttentionShape,
  { seeds }: AttentionExtras,
  { row, from, to, column, width }: Query,
): Float64Array {
  const counts = new Float64Array(to - from).fill(1);
  if (seeds === undefined || dropout === 0) return counts;
  const dropped = Math.round(dropout * 2 ** 24);
  const seed = mixed(seeds.data[Math.floor(row / positions)] + 0x9e3779b9);
  const head = column / width % heads;
  const first = (head * positions + row - from) * positions;
  return counts.map((_, u) =>
    (mixed(seed + first + u) >>> 8) < dropped ? 0 : 1 / (1 - dropped / 2 ** 24)
  );
}

/** A bijection of 32 bits in which every bit of the argument moves every other (Wellons 2018, "lowbias32"). */
function mixed(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
