/**
 * Second moments of the gradients of a table whose rows are looked up: never a table per example.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { EmbeddingCapture } from "../core/capture.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Observation } from "./moving_average.ts";

/**
 * `out_v = decay out_v + scale sum_n f(G_n)_v`, `G_n` [V, dOut] the gradient of example n's own loss with respect
 * to the table: row v is the sum of `g_nt` over the positions whose token is v. Inside a scope.
 *
 * @param out [V, columns].
 * @param squares f, row by row: squares of numbers that follow from a row of `G_n`; 0 of zeros.
 */
export function addTableMoments(
  backend: Backend,
  out: Matrix,
  { tokens, outputGradients: g, examples }: EmbeddingCapture,
  observation: Observation,
  squares: (rows: Matrix) => Matrix,
): void {
  // A row of G_n stands at the first position of its token; the other positions hold zeros.
  const rows = backend.scratch(g.rows, g.cols);
  backend.mergeRows(rows, tokens, g, g.rows / examples);
  backend.scatterRows(out, tokens, squares(rows), observation);
}
