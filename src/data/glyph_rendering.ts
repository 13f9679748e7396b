/**
 * From a skeleton to pixels: sample the strokes, warp the samples, ink what lies near them.
 *
 * @module
 */

import type { Skeleton, Stroke } from "./glyph_skeletons.ts";

/** A map of the plane that the drawn points go through. */
export type Warp = (point: Float64Array) => void;

/** How thick and how sharp a line is drawn, in pixels. */
export interface Pen {
  /** Half the thickness of a line. */
  readonly radius: number;
  /** Width of the edge over which the ink fades out. */
  readonly softness: number;
}

/** Line segments between two neighbouring points of a skeleton. */
const SEGMENTS_PER_SPAN = 5;

/**
 * Draws a skeleton into an image.
 *
 * The ink of a pixel is `clamp(1/2 + (radius - distance to the skeleton) / softness)`, so the cost is
 * that of the pixels near the lines, not of the whole image.
 *
 * @param image Receives the ink in [0, 1], [size * size], row by row; overwritten.
 * @param size Rows and columns of the image.
 * @param skeleton What is drawn, in its own coordinates.
 * @param warp Maps the skeleton's coordinates to pixels, in place.
 * @param pen Thickness and sharpness.
 */
export function render(
  image: Float32Array,
  size: number,
  skeleton: Skeleton,
  warp: Warp,
  pen: Pen,
): void {
  // Squared distances first; one pass at the end turns them into ink.
  image.fill(Infinity);
  const reach = pen.radius + pen.softness / 2;
  const from = new Float64Array(2);
  const to = new Float64Array(2);
  for (const stroke of skeleton) {
    const spans = stroke.length / 2 - 1;
    pointOn(to, stroke, 0, 0);
    warp(to);
    for (let span = 0; span < spans; span++) {
      for (let i = 1; i <= SEGMENTS_PER_SPAN; i++) {
        from.set(to);
        pointOn(to, stroke, span, i / SEGMENTS_PER_SPAN);
        warp(to);
        approach(image, size, from, to, reach);
      }
    }
  }
  for (let i = 0; i < image.length; i++) {
    const ink = 0.5 + (pen.radius - Math.sqrt(image[i])) / pen.softness;
    image[i] = ink <= 0 ? 0 : ink >= 1 ? 1 : ink;
  }
}

/**
 * The point at `t` in [0, 1] of a stroke's span, on the Catmull-Rom spline through its points.
 * Beyond an open end the neighbour is mirrored, so that two points are joined by a line.
 */
function pointOn(out: Float64Array, stroke: Stroke, span: number, t: number): void {
  const last = stroke.length - 2;
  const at = 2 * span;
  const closed = stroke[0] === stroke[last] && stroke[1] === stroke[last + 1];
  for (let axis = 0; axis < 2; axis++) {
    const p1 = stroke[at + axis];
    const p2 = stroke[at + 2 + axis];
    const p0 = at > 0 ? stroke[at - 2 + axis] : closed ? stroke[last - 2 + axis] : 2 * p1 - p2;
    const p3 = at + 2 < last ? stroke[at + 4 + axis] : closed ? stroke[2 + axis] : 2 * p2 - p1;
    out[axis] = p1 + 0.5 * t * (p2 - p0 +
          t * (2 * p0 - 5 * p1 + 4 * p2 - p3 +
              t * (3 * (p1 - p2) + p3 - p0)));
  }
}

/** Lowers the squared distances of the pixels within `reach` of the segment from `a` to `b`. */
function approach(
  squares: Float32Array,
  size: number,
  a: Float64Array,
  b: Float64Array,
  reach: number,
): void {
  const ax = a[0], ay = a[1];
  const dx = b[0] - ax, dy = b[1] - ay;
  const inverse = 1 / Math.max(dx * dx + dy * dy, 1e-12);
  const left = Math.max(0, Math.ceil(Math.min(ax, b[0]) - reach));
  const right = Math.min(size - 1, Math.floor(Math.max(ax, b[0]) + reach));
  const top = Math.max(0, Math.ceil(Math.min(ay, b[1]) - reach));
  const bottom = Math.min(size - 1, Math.floor(Math.max(ay, b[1]) + reach));
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const along = ((x - ax) * dx + (y - ay) * dy) * inverse;
      const t = along <= 0 ? 0 : along >= 1 ? 1 : along;
      const ex = ax + t * dx - x;
      const ey = ay + t * dy - y;
      const square = ex * ex + ey * ey;
      const i = y * size + x;
      if (square < squares[i]) squares[i] = square;
    }
  }
}
