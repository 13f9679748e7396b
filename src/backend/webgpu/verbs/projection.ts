/**
 * Second moments of per-example gradients in an eigenbasis.
 *
 * @module
 */

import type { ConvCapture, DenseCapture } from "../../../core/capture.ts";
import { locationsOf, patchLength } from "../../../core/geometry.ts";
import { type Matrix, rowsOf } from "../../../core/matrix.ts";
import type { Basis, Blend, Verbs } from "../../backend.ts";
import * as kernels from "../device/_kernels.gen.ts";
import { multiply } from "./algebra.ts";
import { fieldsOf, timesPatches } from "./convolution.ts";
import { elementGrid, type Machine } from "../device/machine.ts";
import { accumulate, product } from "./products.ts";

/** Numbers of the temporaries of one run of examples of a convolution. */
const CHUNK = 1 << 24;

/** Examples of one run at most: a grid holds no more in its third direction. */
const MOST_EXAMPLES = 32768;

/** The verb of this topic. */
export type Projection = Pick<Verbs, "squaredProjection">;

/** The verb of this topic on one machine. */
export function createProjection(machine: Machine): Projection {
  return {
    squaredProjection(theta, capture, basis, blend = {}) {
      machine.scope(() => {
        if (capture.kind === "dense") ofDense(machine, theta, capture, basis, blend);
        else ofConvolution(machine, theta, capture, basis, blend);
      });
    },
  };
}

/** A rank-one gradient's square is the square of its factors, so examples need not be told apart. */
function ofDense(
  machine: Machine,
  theta: Matrix,
  capture: DenseCapture,
  basis: Basis | undefined,
  blend: Blend,
): void {
  const shape = { m: theta.rows, n: theta.cols, depth: capture.examples };
  const g = basis ? times(machine, capture.outputGradients, basis.output) : capture.outputGradients;
  const a = basis ? times(machine, capture.inputs, basis.input) : capture.inputs;
  const launch = { leftAlongK: false };
  accumulate(machine, kernels.squaredProjection, theta, { g, a }, {}, blend, shape, launch);
}

/** Run by run of examples, so that temporaries stay small. */
function ofConvolution(
  machine: Machine,
  theta: Matrix,
  capture: ConvCapture,
  basis: Basis | undefined,
  { decay = 0, scale = 1 }: Blend,
): void {
  const { examples, geometry } = capture;
  const { rows, cols } = theta;
  const perExample = locationsOf(geometry) * (cols + rows) + 2 * rows * cols;
  const chunk = Math.max(1, Math.min(examples, MOST_EXAMPLES, Math.floor(CHUNK / perExample)));
  for (let first = 0; first === 0 || first < examples; first += chunk) {
    const count = Math.min(chunk, examples - first);
    machine.scope(() => {
      const gradients = gradientsOf(machine, capture, first, count, basis);
      machine.run(
        kernels.addSquares,
        { theta, gradients },
        { rows, cols, count, decay: first === 0 ? decay : 1, scale },
        elementGrid(rows * cols),
      );
    });
  }
}

/**
 * `Q_out^T (g_n^T P_n) Q_in` of `count` examples from `first` on, one below the other; P_n are the patches
 * [T, dIn']. Each rotation is done on the smaller side: of the captures (T rows) or of the gradient,
 * whichever has fewer rows. Patches are stored only where they are rotated.
 */
function gradientsOf(
  machine: Machine,
  { geometry, images: allImages, outputGradients }: ConvCapture,
  first: number,
  count: number,
  basis: Basis | undefined,
): Matrix {
  const locations = locationsOf(geometry);
  const pixels = geometry.height * geometry.width;
  const images = rowsOf(allImages, first * pixels, (first + count) * pixels);
  let g = rowsOf(outputGradients, first * locations, (first + count) * locations);
  const [dOut, dIn] = [g.cols, patchLength(geometry)];
  if (basis && locations < dIn) g = times(machine, g, basis.output);

  let gradients = machine.temporary(count * dOut, dIn);
  const step = dOut * dIn;
  if (basis && locations < dOut) {
    const p = machine.temporary(count * locations, dIn);
    timesPatches(machine, p, images, basis.input, geometry, false);
    const batch = { count, c: step, a: locations * g.stride, b: locations * p.stride };
    const [c, a, b] = [part(gradients, dOut), part(g, locations), part(p, locations)];
    multiply(machine, c, a, b, { transposeA: true }, batch);
  } else {
    product(
      machine,
      kernels.conv2dWeightGradient,
      { c: gradients, images, g },
      { cBatch: step, decay: 0, scale: 1, ...fieldsOf(geometry) },
      { m: dOut, n: dIn, depth: locations },
      { leftAlongK: false, batches: count },
    );
    if (basis) gradients = times(machine, gradients, basis.input);
  }
  if (basis === undefined || locations < dIn) return gradients;
  const rotated = machine.temporary(count * dOut, dIn);
  const batch = { count, c: step, a: 0, b: step };
  const [c, b] = [part(rotated, dOut), part(gradients, dOut)];
  multiply(machine, c, basis.output, b, { transposeA: true }, batch);
  return rotated;
}

/** `X Q`. */
function times(machine: Machine, x: Matrix, q: Matrix): Matrix {
  const out = machine.temporary(x.rows, q.cols);
  multiply(machine, out, x, q);
  return out;
}

/** The first of several matrices stored one below the other. */
function part(stack: Matrix, rows: number): Matrix {
  return { ...stack, rows };
}
