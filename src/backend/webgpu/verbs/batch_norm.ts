/**
 * Batch normalisation.
 *
 * @module
 */

import type { Verbs } from "../../backend.ts";
import * as kernels from "../device/_kernels.gen.ts";
import { elementGrid, type Grid, type Machine } from "../device/machine.ts";

/** Rows and columns of a workgroup of `kernels/shared/column_blocks.wgsl`. */
const ROWS_EACH = 1024;
const COLUMNS = 16;

/** The verbs of this topic. */
export type BatchNorm = Pick<
  Verbs,
  "columnMoments" | "batchNorm" | "batchNormSums" | "batchNormGradient"
>;

/** The verbs of this topic on one machine. */
export function createBatchNorm(machine: Machine): BatchNorm {
  return {
    columnMoments(out, x) {
      const { rows, cols } = x;
      const blocks = Math.ceil(rows / ROWS_EACH);
      machine.scope(() => {
        const partials = machine.temporary(blocks, 2 * cols);
        machine.run(
          kernels.columnMoments,
          { partials, x },
          { rows, cols },
          blockGrid(blocks, cols),
        );
        const sizes = { rows, cols, blocks };
        machine.run(kernels.columnMomentsFinish, { out, partials }, sizes, elementGrid(cols));
      });
    },

    batchNorm(out, x, moments, weights, epsilon) {
      const { rows, cols } = x;
      machine.run(
        kernels.batchNorm,
        { out, x, moments, weights },
        { rows, cols, epsilon },
        elementGrid(rows * cols),
      );
    },

    batchNormSums(out, x, g, moments, epsilon) {
      const { rows, cols } = x;
      const blocks = Math.ceil(rows / ROWS_EACH);
      machine.scope(() => {
        const partials = machine.temporary(blocks, 2 * cols);
        const operands = { partials, x, g, moments };
        machine.run(kernels.batchNormSums, operands, { rows, cols }, blockGrid(blocks, cols));
        machine.run(
          kernels.batchNormSumsFinish,
          { out, partials, moments },
          { cols, blocks, epsilon },
          elementGrid(cols),
        );
      });
    },

    batchNormGradient(out, x, g, moments, weights, sums, epsilon) {
      const { rows, cols } = x;
      machine.run(
        kernels.batchNormGradient,
        { out, x, g, moments, weights, sums },
        { rows, cols, epsilon },
        elementGrid(rows * cols),
      );
    },
  };
}

function blockGrid(blocks: number, cols: number): Grid {
  return [blocks, Math.ceil(cols / COLUMNS), 1];
}
