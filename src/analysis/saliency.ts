/**
 * How much the mean loss would rise without a weight, a unit or a direction, to second order about a minimum.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { OptionError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Eigendecomposition } from "../curvature/blocks/block.ts";
import type { LayerCurvature } from "./layer_curvature.ts";

/** What is left out as a whole. */
export type PruningUnit = "weights" | "channels" | "directions";

/**
 * The rise for each unit of a layer, scratch: [dOut, dIn'] of weights and directions, [1, dOut] of channels. With the
 * basis Q and eigenvalues Theta of the layer, `D = 1 / (Theta + lambda)` and `W' = Q_out^T W Q_in`:
 *
 * ```text
 * weights      w_ij^2 / (2 [(F + lambda)^-1]_ij),   diagonal of the inverse  Q_out^o2 D (Q_in^o2)^T
 * channels     1/2 sum_k (W Q_in)_ik^2 / (Q_out^o2 D)_ik
 * directions   1/2 Theta_ij W'_ij^2
 * ```
 *
 * The first two count what the others can make up for (optimal brain surgeon: Hassibi & Stork 1993). Inside a scope.
 *
 * @throws {OptionError} When the layer's block keeps no such basis.
 */
export function saliencies(
  backend: Backend,
  layer: LayerCurvature,
  unit: PruningUnit,
  damping: number,
): Matrix {
  const { value } = layer.parameter;
  const { rows, cols } = value;
  const { basis, eigenvalues } = eigenbasisOf("Cannot prune", layer);
  const scratch = (r = rows, c = cols): Matrix => backend.scratch(r, c);
  const turned = (x: Matrix, side: "output" | "input", transposeB = false): Matrix => {
    if (basis === undefined) return x;
    const out = scratch();
    if (side === "output") backend.gemm(out, basis.output, x, { transposeA: true });
    else backend.gemm(out, x, basis.input, { transposeB });
    return out;
  };
  if (unit === "directions") {
    const out = scratch();
    backend.squares(out, turned(turned(value, "output"), "input"), { scale: 1 / 2 });
    backend.dampedDivide(out, out, { eigenvalues, damping: 0, exponent: -1 });
    return out;
  }
  const inverse = scratch();
  backend.write(inverse, new Float64Array(rows * cols).fill(1));
  backend.dampedDivide(inverse, inverse, { eigenvalues, damping });
  let spread = inverse;
  if (basis !== undefined) {
    const squares = scratch(rows, rows);
    backend.squares(squares, basis.output);
    spread = scratch();
    backend.gemm(spread, squares, inverse);
  }
  if (unit === "channels") {
    const energy = scratch();
    backend.squares(energy, turned(value, "input"), { scale: 1 / 2 });
    const out = scratch(1, rows);
    backend.dampedDivide(energy, energy, { eigenvalues: spread, damping: 0 });
    const ones = scratch(1, cols);
    backend.write(ones, new Float64Array(cols).fill(1));
    backend.gemm(out, ones, energy, { transposeB: true });
    return out;
  }
  let diagonal = spread;
  if (basis !== undefined) {
    const squares = scratch(cols, cols);
    backend.squares(squares, basis.input);
    diagonal = scratch();
    backend.gemm(diagonal, spread, squares, { transposeB: true });
  }
  const out = scratch();
  backend.squares(out, value, { scale: 1 / 2 });
  backend.dampedDivide(out, out, { eigenvalues: diagonal, damping: 0 });
  return out;
}

/**
 * The basis in which a layer's block is diagonal.
 *
 * @throws {OptionError} When it keeps none.
 */
export function eigenbasisOf(subject: string, layer: LayerCurvature): Eigendecomposition {
  const { eigenbasis } = layer.block;
  if (eigenbasis !== undefined) return eigenbasis;
  const expectation = `must be of dense layers and convolutions of a curvature with rank 'full'`;
  throw new OptionError(subject, "layers", expectation, layer.name);
}
