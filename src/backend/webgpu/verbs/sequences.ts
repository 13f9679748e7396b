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

    attention(out, qkv, shape, mask, seeds) {
      const grid = rowGrid(out.rows * shape.heads);
      const launch = launchOf(shape, mask, seeds);
      machine.run(kernels.attention, { out, qkv, mask, seeds }, sizesOf(out, shape), grid, launch);
    },

    attentionGradient(out, qkv, g, shape, mask, seeds) {
      const { heads } = shape;
      machine.scope(() => {
        const stats = machine.temporary(g.rows * heads, 3);
        const [numbers, grid] = [sizesOf(g, shape), rowGrid(g.rows * heads)];
        const launch = launchOf(shape, mask, seeds);
        const operands = { out, stats, qkv, g, mask, seeds };
        machine.run(kernels.attentionQueries, operands, numbers, grid, launch);
        machine.run(kernels.attentionKeys, operands, numbers, grid, launch);
      });
    },

    rotatePairs(out, x, turns, columns) {
      const { rows, cols } = x;
      const numbers = { rows, cols, columns, positions: turns.rows, width: turns.cols };
      machine.run(kernels.rotatePairs, { out, x, turns }, numbers, elementGrid(rows * cols));
    },

    softmax(out, x) {
      const { rows, cols } = x;
      machine.run(kernels.softmax, { out, x }, { rows, cols }, rowGrid(rows));
    },

    softmaxGradient(out, y, g) {
      const { rows, cols } = y;
      machine.run(kernels.softmaxGradient, { out, y, g }, { rows, cols }, rowGrid(rows));
    },
  };
}

function sizesOf({ rows, cols }: Matrix, { positions, heads, dropout = 0 }: AttentionShape) {
  const dropped = Math.round(dropout * 2 ** 24);
  const factor = 1 / (1 - dropped / 2 ** 24);
  return { rows, heads, width: cols / heads, positions, dropped, factor };
}

function launchOf({ causal }: AttentionShape, mask?: Matrix, seeds?: Matrix) {
  const [MASKED, DROPS] = [mask !== undefined, seeds !== undefined];
  return { overrides: { CAUSAL: causal, MASKED, DROPS } };
}
