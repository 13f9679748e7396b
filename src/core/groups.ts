/**
 * Convolutions with groups as several convolutions side by side: views of one group's part.
 *
 * @module
 */

import type { ConvCapture } from "./capture.ts";
import { groupGeometry } from "./geometry.ts";
import { columnsOf, type Matrix, rowsOf } from "./matrix.ts";

/** A group's rows of something that has some for each, such as weights [dOut, dIn']. */
export function rowsOfGroup(m: Matrix, groups: number, group: number): Matrix {
  const rows = m.rows / groups;
  return rowsOf(m, group * rows, (group + 1) * rows);
}

/** A group's columns, such as its channels of images. */
export function columnsOfGroup(m: Matrix, groups: number, group: number): Matrix {
  const cols = m.cols / groups;
  return columnsOf(m, group * cols, (group + 1) * cols);
}

/**
 * What one group of a convolution leaves: the capture of a convolution of its own.
 *
 * @param capture Of all groups.
 * @param group From 0 on.
 *
 * @example The second of two groups
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import {
 *   columnsOfGroup,
 *   groupCapture,
 *   groupGeometry,
 *   resolveWindow,
 *   rowsOfGroup,
 * } from "@tekfac/tekfac/core";
 *
 * using backend = await createBackend();
 * using images = backend.alloc(2, 4);
 * backend.write(images, [1, 2, 3, 4, 5, 6, 7, 8]);
 * const window = resolveWindow("My layer", [2, 1, 4], { kernel: 1 });
 * const geometry = { ...window, bias: false, groups: 2 };
 * const all = { kind: "conv2d", examples: 1, geometry, images, outputGradients: images } as const;
 *
 * const second = groupCapture(all, 1);
 * assert.deepEqual(second.geometry, groupGeometry(geometry));
 * assert.deepEqual([...backend.readSync(second.images)], [3, 4, 7, 8]);
 * assert.deepEqual(second.images, columnsOfGroup(images, 2, 1));
 * assert.deepEqual([...backend.readSync(rowsOfGroup(images, 2, 1))], [5, 6, 7, 8]);
 * ```
 */
export function groupCapture(capture: ConvCapture, group: number): ConvCapture {
  const { groups = 1 } = capture.geometry;
  if (groups === 1) return capture;
  return {
    ...capture,
    geometry: groupGeometry(capture.geometry),
    images: columnsOfGroup(capture.images, groups, group),
    outputGradients: columnsOfGroup(capture.outputGradients, groups, group),
  };
}
