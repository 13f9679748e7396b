/**
 * The verbs of sequences by their definitions.
 *
 * @module
 */

import type { Matrix } from "../../core/matrix.ts";
import * as linalg from "../../linalg/mod.ts";
import type { AttentionShape, Blend, RowNormKind, SequenceVerbs } from "../backend.ts";
import { gather, scatter } from "./storage.ts";

/** The verbs of this topic: they have no state. */
export const referenceSequences: SequenceVerbs = {
  rowNorm(
    kind: RowNormKind,
    out: Matrix,
    x: Matrix,
    weights: Matrix,
    epsilon: number,
  ): void {
    scatter(out, linalg.rowNorm(kind, gather(x), gather(weights), epsilon).data);
  },

  rowNormSums(kind: RowNormKind, out: Matrix, x: Matrix, g: Matrix, epsilon: number): void {
    scatter(out, linalg.rowNormSums(kind, gather(x), gather(g), out.rows / 2, epsilon).data);
  },

  rowNormGradient(
    kind: RowNormKind,
    out: Matrix,
    x: Matrix,
    g: Matrix,
    weights: Matrix,
    epsilon: number,
  ): void {
    scatter(
      out,
      linalg.rowNormGradient(kind, gather(x), gather(g), gather(weights), epsilon).data,
    );
  },

  gatherRows(out: Matrix, table: Matrix, tokens: Matrix): void {
    scatter(out, linalg.gatherRows(gather(table), gather(tokens)).data);
  },

  scatterRows(out: Matrix, tokens: Matrix, x: Matrix, blend?: Blend): void {
    scatter(out, linalg.scatterRows(out.rows, gather(tokens), gather(x)).data, blend);
  },

  mergeRows(out: Matrix, tokens: Matrix, x: Matrix, positions: number): void {
    const { data } = gather(tokens);
    const examples = linalg.denseMatrix(data.length / positions, positions, data);
    scatter(out, linalg.mergeRows(examples, gather(x)).data);
  },

  attention(
    out: Matrix,
    qkv: Matrix,
    shape: AttentionShape,
    mask?: Matrix,
    seeds?: Matrix,
  ): void {
    scatter(out, linalg.attention(gather(qkv), shape, extrasOf(mask, seeds)).data);
  },

  attentionGradient(
    out: Matrix,
    qkv: Matrix,
    g: Matrix,
    shape: AttentionShape,
    mask?: Matrix,
    seeds?: Matrix,
  ): void {
    const extras = extrasOf(mask, seeds);
    scatter(out, linalg.attentionGradient(gather(qkv), gather(g), shape, extras).data);
  },

  rotatePairs(out: Matrix, x: Matrix, turns: Matrix, columns: number): void {
    scatter(out, linalg.rotatePairs(gather(x), gather(turns), columns).data);
  },

  softmax(out: Matrix, x: Matrix): void {
    scatter(out, linalg.softmax(gather(x)).data);
  },

  softmaxGradient(out: Matrix, y: Matrix, g: Matrix): void {
    scatter(out, linalg.softmaxGradient(gather(y), gather(g)).data);
  },
};

function extrasOf(mask: Matrix | undefined, seeds: Matrix | undefined) {
  return { mask: mask && gather(mask), seeds: seeds && gather(seeds) };
}
