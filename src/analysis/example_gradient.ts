/**
 * The gradient of a single example, out of a capture of many.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture } from "../core/capture.ts";
import { StateError } from "../core/errors.ts";
import { columnsOf, type Matrix, reshaped, rowsOf } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import type { Objective } from "../optim/objective.ts";

/** Numbers that gradients of many examples may take as scratch, before examples are taken in groups. */
export const SCRATCH = 2 ** 22;

/**
 * What a layer left of the last pass.
 *
 * @throws {StateError} When it left nothing.
 */
export function captureOf<B>(
  subject: string,
  objective: Objective<B>,
  parameter: Parameter,
): Capture {
  const capture = objective.capture(parameter);
  if (capture !== undefined) return capture;
  throw new StateError(
    `${subject}: layer '${parameter.name}' left no capture of a batch, though it has done so of others; ` +
      "was it frozen, or handed over without its inputs?",
  );
}

/** The examples `from` to `to` of a capture: views. */
export function examplesOf(capture: Capture, from: number, to: number): Capture {
  const own = (m: Matrix): Matrix => {
    const rows = m.rows / capture.examples;
    return rowsOf(m, from * rows, to * rows);
  };
  const examples = to - from;
  if (capture.kind === "elements") {
    return { ...capture, examples, gradients: own(capture.gradients) };
  }
  const some = { examples, outputGradients: own(capture.outputGradients) };
  switch (capture.kind) {
    case "dense":
      return { ...capture, ...some, inputs: own(capture.inputs) };
    case "conv2d":
      return { ...capture, ...some, images: own(capture.images) };
    case "embedding": {
      const locations = capture.tokens.cols / capture.examples;
      return {
        ...capture,
        ...some,
        tokens: columnsOf(capture.tokens, from * locations, to * locations),
      };
    }
  }
}

/** `out = sum_n G_n` over the examples of a capture, in the shape of the parameter. */
export function writeGradient(backend: Backend, out: Matrix, capture: Capture): void {
  switch (capture.kind) {
    case "dense":
      return backend.gemm(out, capture.outputGradients, capture.inputs, { transposeA: true });
    case "conv2d": {
      const { images, geometry, outputGradients } = capture;
      return backend.conv2dWeightGradient(out, images, outputGradients, geometry);
    }
    case "embedding":
      return backend.scatterRows(out, capture.tokens, capture.outputGradients);
    case "elements": {
      const { gradients, examples } = capture;
      const ones = backend.scratch(1, examples);
      backend.write(ones, new Float64Array(examples).fill(1));
      return backend.gemm(reshaped(out, 1, gradients.cols), ones, gradients);
    }
  }
}
