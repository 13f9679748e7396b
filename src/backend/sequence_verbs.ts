/**
 * The verbs of sequences: rows normalised for themselves, rows of tables, attention. The rules that hold for all
 * verbs are at the head of `backend.ts`.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";
import type { AttentionShape } from "../linalg/attention.ts";
import type { RowNormKind } from "../linalg/row_norm.ts";
import type { Blend } from "./blend.ts";

export type { AttentionShape, RowNormKind };

/** Letters: N examples, T positions, C channels, V rows of a table. */
export interface SequenceVerbs {
  /**
   * Every row normalised for itself, `out = scale xhat + shift` with `xhat = (x - m) / sqrt(v + epsilon)`, m and v
   * the mean and variance of the row for `layer` (Ba, Kiros & Hinton 2016), 0 and the mean square for `rms`
   * (Zhang & Sennrich 2019): x and out [n, C], weights [2, C], scales above shifts, or [1, C] without shifts.
   */
  rowNorm(kind: RowNormKind, out: Matrix, x: Matrix, weights: Matrix, epsilon: number): void;

  /**
   * Gradients of scales and shifts of each example's own loss, `sum_t g xhat` above `sum_t g`: x and g [N T, C],
   * out [2 N, C], two rows per example.
   */
  rowNormSums(kind: RowNormKind, out: Matrix, x: Matrix, g: Matrix, epsilon: number): void;

  /**
   * Gradient of x, with `h = g scale`: `out = (h - mean(h) - xhat mean(h xhat)) / sqrt(v + epsilon)`, means over
   * the row; `rms` has no `mean(h)`. x, g and out [n, C], weights as of {@linkcode SequenceVerbs.rowNorm}.
   */
  rowNormGradient(
    kind: RowNormKind,
    out: Matrix,
    x: Matrix,
    g: Matrix,
    weights: Matrix,
    epsilon: number,
  ): void;

  /** `out_i = table_(token i)`: table [V, d], tokens [1, n], out [n, d]; zeros for a token outside [0, V). */
  gatherRows(out: Matrix, table: Matrix, tokens: Matrix): void;

  /** `out_v = decay out_v + scale sum of x_i over the i whose token is v`: tokens [1, n], x [n, d], out [V, d]. */
  scatterRows(out: Matrix, tokens: Matrix, x: Matrix, blend?: Blend): void;

  /**
   * For each example of `positions` tokens, the sum of the rows of a token at its first position and zeros at its
   * later ones: tokens [1, N T], x and out [N T, d]. Squares of the result are those of the example's summed
   * gradient of a table.
   */
  mergeRows(out: Matrix, tokens: Matrix, x: Matrix, positions: number): void;

  /**
   * Attention of several heads (Vaswani et al. 2017, section 3.2), `y_t = sum_u softmax(q_t . k_u / sqrt(d)) v_u`
   * for every example and head of d channels: qkv [N T, 3 C], queries, keys and values side by side, out [N T, C].
   * Takes memory for a few rows of scores, never for all. See `linalg.attention`.
   *
   * @param mask 1 for positions that are seen, 0 for padding, [1, N T]. @default {all are seen}
   * @param seeds Integers in [0, 2^24), from which follows what dropout drops, one per example, [1, N]. @default {nothing
   * is dropped}
   */
  attention(out: Matrix, qkv: Matrix, shape: AttentionShape, mask?: Matrix, seeds?: Matrix): void;

  /** Gradient of qkv, [N T, 3 C], from that of {@linkcode SequenceVerbs.attention}'s result, g [N T, C]. */
  attentionGradient(
    out: Matrix,
    qkv: Matrix,
    g: Matrix,
    shape: AttentionShape,
    mask?: Matrix,
    seeds?: Matrix,
  ): void;

  /**
   * Pairs `(x_2i, x_2i+1)` of the first `columns` columns of x [N T, C] turned: by the angle whose cosine and sine are at
   * columns 2 i and 2 i + 1 of the row's position in turns [T, w], for every w columns alike. The rest is copied.
   */
  rotatePairs(out: Matrix, x: Matrix, turns: Matrix, columns: number): void;

  /** The softmax of every row, `out = exp(x) / sum exp(x)`: x and out [n, d]. */
  softmax(out: Matrix, x: Matrix): void;

  /** Gradient of x from that of y = softmax(x): `out = y o (g - y . g)`, row by row; all [n, d]. */
  softmaxGradient(out: Matrix, y: Matrix, g: Matrix): void;
}
