/**
 * Rows normalised for themselves, rows of tables, and attention.
 *
 * @module
 */

import type { AttentionShape, RowNormKind, SequenceVerbs } from "../../backend.ts";
import type { Matrix } from "../../../core/matrix.ts";
import * as kernels from "../device/_kernels.gen.ts";
import { elementGrid, type Machine, rowGrid } from "../device/machine.ts";

/** The verbs of this topic on one machine. */
export function createSequences(machine: Machine): SequenceVerbs {
  /** Calls `body` with means and inverse deviations of the rows of x, [n, 2]. */
  const withMoments = (
    kind: RowNormKind,
    x: Matrix,
    epsilon: number,
    body: (moments: Matrix) => void,
  ): void =>
    machine.scope(() => {
      const out = machine.temporary(x.rows, 2);
      const { rows, cols } = x;
      machine.run(kernels.rowMoments, { out, x }, { rows, cols, epsilon }, rowGrid(rows), {
        overrides: { CENTRED: kind === "layer" },
      });
      body(out);
    });

  return {
    rowNorm(kind, out, x, weights, epsilon) {
      const { rows, cols } = x;
      withMoments(kind, x, epsilon, (moments) => {
        const numbers = { rows, cols, parts: weights.rows };
        const operands = { out, x, moments, weights };
        machine.run(kernels.rowNorm, operands, numbers, elementGrid(rows * cols));
      });
    },

    rowNormSums(kind, out, x, g, epsilon) {
      const [rows, { cols }] = [out.rows / 2, x];
      withMoments(kind, x, epsilon, (moments) => {
        const numbers = { rows, cols, positions: x.rows / rows };
        const operands = { out, x, g, moments };
        machine.run(kernels.rowNormSums, operands, numbers, elementGrid(rows * cols));
      });
    },

    rowNormGradient(kind, out, x, g, weights, epsilon) {
      const { rows, cols } = x;
      withMoments(kind, x, epsilon, (moments) => {
        const operands = { out, x, g, moments, weights };
        machine.run(kernels.rowNormGradient, operands, { rows, cols }, rowGrid(rows), {
          overrides: { CENTRED: kind === "layer" },
        });
      });
    },

    gatherRows(out, table, tokens) {
      const { rows, cols } = out;
      const numbers = { rows, cols, tableRows: table.rows };
      machine.run(kernels.gatherRows, { out, table, tokens }, numbers, elementGrid(rows * cols));
    },

    scatterRows(out, tokens, x, { decay = 0, scale = 1 } = {}) {
      const { rows, cols } = out;
      const numbers = { rows, cols, count: x.rows, decay, scale };
      machine.run(kernels.scatterRows, { out, tokens, x }, numbers, rowGrid(rows));
    },

    mergeRows(out, tokens, x, positions) {
      const { rows, cols } = x;
      const numbers = { rows, cols, positions };
      machine.run(kernels.mergeRows, { out, tokens, x }, numbers, elementGrid(rows * cols));
    },

    attention(out, qkv, shape) {
      const { heads, causal } = shape;
      machine.run(
        kernels.attention,
        { out, qkv },
        sizesOf(out, shape),
        rowGrid(out.rows * heads),
        { overrides: { CAUSAL: causal } },
      );
    },

    attentionGradient(out, qkv, g, shape) {
      const { heads, causal } = shape;
      machine.scope(() => {
        const stats = machine.temporary(g.rows * heads, 3);
        const [numbers, grid] = [sizesOf(g, shape), rowGrid(g.rows * heads)];
        const launch = { overrides: { CAUSAL: causal } };
        machine.run(kernels.attentionQueries, { out, stats, qkv, g }, numbers, grid, launch);
        machine.run(kernels.attentionKeys, { out, qkv, g, stats }, numbers, grid, launch);
      });
    },
  };
}

function sizesOf({ rows, cols }: Matrix, { positions, heads }: AttentionShape) {
  return { rows, heads, width: cols / heads, positions };
}
