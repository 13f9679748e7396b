/**
 * Gradients of single examples in coordinates in which a layer's damped inverse is the identity.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture, ConvCapture } from "../core/capture.ts";
import { groupCapture } from "../core/groups.ts";
import { columnsOf, type Matrix, reshaped, rowsOf } from "../core/matrix.ts";
import type { Block, BlockPower } from "../curvature/blocks/block.ts";
import { GroupedBlock } from "../curvature/blocks/grouped.ts";
import { LowRankBlock } from "../curvature/blocks/low_rank.ts";
import { examplesOf, SCRATCH, writeGradient } from "./example_gradient.ts";
import { denseWhitening, lowRankWhitening, type Whitening } from "./dense_whitening.ts";
import { writeRotated } from "./rotated_gradients.ts";

/**
 * The whitening of a layer: of a dense one rows of dOut numbers, however wide its inputs ({@linkcode denseWhitening}, of
 * low rank {@linkcode lowRankWhitening}). Elsewhere rows are whole gradients: those of a layer with several locations are
 * rotated together and, like the divisions, formed by one call of a kernel per example; groups go one after the other,
 * each with all examples. Scales and shifts, and convolutions of low rank, take their root example by example. Inside a
 * scope, which has to last as long as the result.
 *
 * @param capture Whose inputs all captures share.
 */
export function whiteningOf(
  backend: Backend,
  block: Block,
  capture: Capture,
  damping: number,
): Whitening {
  const { eigenbasis, parameter: { value } } = block;
  if (capture.kind === "dense") {
    if (eigenbasis !== undefined) return denseWhitening(backend, eigenbasis, capture, damping);
    if (block instanceof LowRankBlock) return lowRankWhitening(backend, block, capture, damping);
  }
  if (block instanceof GroupedBlock) {
    return ofGroups(backend, block.parts, capture as ConvCapture, damping);
  }
  const root = { damping, exponent: 1 / 2 };
  return {
    width: value.rows * value.cols,
    write: eigenbasis === undefined
      ? (out, given) => byRoots(backend, out, block, given, root)
      : (out, given) => writeRotated(backend, out, eigenbasis, given, root),
  };
}

/**
 * Numbers of a row of {@linkcode whiteningOf}.
 *
 * @param kind Of captures; where they are not known yet, as if the layer had one location.
 */
export function widthOf(block: Block, kind: string = block.parameter.layer.kind): number {
  const { eigenbasis, parameter: { value } } = block;
  const short = eigenbasis !== undefined || block instanceof LowRankBlock;
  return kind === "dense" && short ? value.rows : value.rows * value.cols;
}

/** `out_n = <G_n, (F + lambda)^-1 G_n>`, out [1, N], scratch. Inside a scope. */
export function quadraticForms(
  backend: Backend,
  block: Block,
  capture: Capture,
  damping: number,
): Matrix {
  const { examples } = capture;
  const out = backend.scratch(1, examples);
  const width = widthOf(block, capture.kind);
  const size = Math.max(1, Math.floor(SCRATCH / width));
  for (let from = 0; from < examples; from += size) {
    const to = Math.min(from + size, examples);
    backend.scope(() => {
      const some = from === 0 && to === examples ? capture : examplesOf(capture, from, to);
      const rows = backend.scratch(to - from, width);
      whiteningOf(backend, block, some, damping).write(rows, some);
      backend.rowSquaredNorms(columnsOf(out, from, to), rows);
    });
  }
  return out;
}

/** Rows of all groups, one beside the other. */
function ofGroups(
  backend: Backend,
  parts: readonly Block[],
  capture: ConvCapture,
  damping: number,
): Whitening {
  const each = parts.map((part, g) =>
    whiteningOf(backend, part, groupCapture(capture, g), damping)
  );
  const { width } = each[0];
  return {
    width: width * parts.length,
    write(out, given) {
      each.forEach(({ write }, g) =>
        backend.scope(() => {
          const own = backend.scratch(out.rows, width);
          write(own, groupCapture(given as ConvCapture, g));
          backend.axpby(columnsOf(out, g * width, (g + 1) * width), 1, own, 0);
        })
      );
    },
  };
}

/** `out_n = (F + lambda)^-p G_n`. */
function byRoots(
  backend: Backend,
  out: Matrix,
  block: Block,
  capture: Capture,
  power: BlockPower,
): void {
  const { rows, cols } = block.parameter.value;
  for (let n = 0; n < capture.examples; n++) {
    backend.scope(() => {
      const gradient = backend.scratch(rows, cols);
      writeGradient(backend, gradient, examplesOf(capture, n, n + 1));
      block.power(reshaped(rowsOf(out, n, n + 1), rows, cols), gradient, power);
    });
  }
}
