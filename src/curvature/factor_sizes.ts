import type { Matrix } from "../core/matrix.ts";
import type { Block } from "./blocks/block.ts";

/** Sizes of a block's factors over outputs and inputs, or of what is kept of them; empty where it has none. */
export function factorSizes(block: Block): string {
  if (block.factorSizes !== undefined) return block.factorSizes;
  const { outputBasis, inputBasis } = block.state;
  const { outputFactor = outputBasis, inputFactor = inputBasis } = block.state;
  const size = (matrix: Matrix): string => `${matrix.rows} x ${matrix.cols}`;
  return outputFactor === undefined ? "" : `${size(outputFactor)}, ${size(inputFactor)}`;
}
