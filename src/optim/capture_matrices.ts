/**
 * What of a capture can be emptied.
 *
 * @module
 */

import type { Capture } from "../core/capture.ts";
import type { Matrix } from "../core/matrix.ts";

/** The matrices of a capture that make it nothing where they are zeros; tokens may stay. */
export function matricesOf(capture: Capture): readonly Matrix[] {
  switch (capture.kind) {
    case "elements":
      return [capture.gradients];
    case "embedding":
      return [capture.outputGradients];
    case "dense":
      return [capture.inputs, capture.outputGradients];
    case "conv2d":
      return [capture.images, capture.outputGradients];
  }
}
