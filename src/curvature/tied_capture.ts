/**
 * The capture of a table that is a head's weights, too.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { type Capture, type EmbeddingCapture, meanLocations } from "../core/capture.ts";
import { div, formula, greater, mul, select, sqrt } from "../core/formula.ts";
import type { Matrix } from "../core/matrix.ts";
import { type Place, placeOf, sideBySide } from "./shared_capture.ts";

/**
 * Joins what a table and the heads that are tied to it have left, in scratch memory.
 *
 * @param captures Of equally many examples; at least one of a head.
 *
 * @example A token looked up, and a head that saw one position
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { tiedCapture } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using tokens = upload(backend, denseMatrix(1, 1, [2]));
 * using g = upload(backend, denseMatrix(1, 2, [5, 7]));
 * using inputs = upload(backend, denseMatrix(1, 2, [1, 2]));
 * using outputGradients = upload(backend, denseMatrix(1, 3, [1, 0, -1]));
 * backend.scope(() => {
 *   const joined = tiedCapture(backend, [
 *     { kind: "embedding", examples: 1, tokens, outputGradients: g },
 *     { kind: "dense", examples: 1, inputs, outputGradients },
 *   ]);
 *   // Two locations, of three rows of the table.
 *   assert(joined.kind === "conv2d");
 *   assert.deepEqual([joined.outputGradients.rows, joined.outputGradients.cols], [2, 3]);
 * });
 * ```
 */
export function tiedCapture(backend: Backend, captures: readonly Capture[]): Capture {
  const heads = captures.flatMap((capture) =>
    capture.kind === "dense" || capture.kind === "conv2d" ? [placeOf(backend, capture)] : []
  );
  const tables = captures.flatMap((capture) =>
    capture.kind === "embedding" ? [tiedPlace(backend, capture, heads[0])] : []
  );
  return sideBySide(backend, [...tables, ...heads], captures[0].examples);
}

/**
 * A table [V, d] as the weights of a head that is tied to it: the gradient `e_token g^T` has g for an input and the
 * unit vector of the token for an output gradient. Factors that take the two sides as independent depend on how long
 * they are, not on their product alone; so `g` is multiplied and `e` divided by the number that gives them the ratio
 * of lengths that the head has.
 */
function tiedPlace(
  backend: Backend,
  { tokens, outputGradients: g, mask, examples }: EmbeddingCapture,
  head: Place,
): Place {
  const inputs = backend.scratch(g.rows, g.cols);
  const units = unitRows(backend, tokens, head.outputGradients.cols);
  const squares = (m: Matrix): Matrix => {
    const norms = backend.scratch(1, m.rows);
    backend.rowSquaredNorms(norms, m);
    const out = backend.scratch(1, 1);
    backend.sum(out, norms);
    return out;
  };
  const [longer, shorter] = [backend.scratch(1, 1), backend.scratch(1, 1)];
  backend.evaluate(balance, {
    input: squares(head.inputs),
    output: squares(head.outputGradients),
    g: squares(g),
    units: examples * meanLocations(g.rows / examples, mask),
  }, { longer, shorter });
  backend.axpby(inputs, longer, g, 0);
  backend.axpby(units, shorter, units, 0);
  return { inputs, outputGradients: units, mask };
}

/** The unit vector of each token, [n, V]: `1 - (v - token)^2` where that is positive. */
function unitRows(backend: Backend, tokens: Matrix, count: number): Matrix {
  const out = backend.scratch(tokens.cols, count);
  const constant = (m: Matrix, value: (i: number) => number): Matrix => {
    backend.write(m, Float32Array.from({ length: m.rows * m.cols }, (_, i) => value(i)));
    return m;
  };
  const [rows, columns] = [backend.scratch(1, tokens.cols), backend.scratch(1, count)];
  constant(rows, () => 1);
  backend.gemm(out, rows, constant(columns, (v) => v), { transposeA: true });
  constant(columns, () => 1);
  backend.gemm(out, tokens, columns, { transposeA: true, alpha: -1, beta: 1 });
  backend.squares(out, out);
  backend.gemm(out, rows, columns, { transposeA: true, beta: -1 });
  backend.activation("relu", out, out);
  return out;
}

/** `c^4` is the ratio of the squared ratios of lengths; 1 where one of them is nothing. */
const balance = formula(
  { input: "number", output: "number", g: "number", units: "number" },
  ({ input, output, g, units }) => {
    const head = div(input, output), table = div(g, units);
    const known = mul(mul(greater(input, 0), greater(output, 0)), greater(g, 0));
    const longer = select(known, sqrt(sqrt(div(head, table))), 1);
    return { longer, shorter: div(1, longer) };
  },
);
