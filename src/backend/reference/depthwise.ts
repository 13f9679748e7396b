/**
 * The verbs of depthwise convolutions by their definitions.
 *
 * @module
 */

import type { ConvCapture } from "../../core/capture.ts";
import type { ConvGeometry } from "../../core/geometry.ts";
import type { Matrix } from "../../core/matrix.ts";
import * as linalg from "../../linalg/mod.ts";
import type {
  Blend,
  DepthwiseMomentOptions,
  DepthwiseVerbs,
  StackedGemmOptions,
} from "../backend.ts";
import { gather, scatter } from "./storage.ts";

/** The verbs of this topic: they have no state. */
export const referenceDepthwise: DepthwiseVerbs = {
  depthwiseSecondMoment(
    c: Matrix,
    images: Matrix,
    geometry: ConvGeometry,
    options: DepthwiseMomentOptions = {},
  ): void {
    const weights = options.weights && gather(options.weights);
    scatter(c, linalg.depthwiseSecondMoment(gather(images), geometry, weights).data, options);
  },

  depthwiseSquaredProjection(
    theta: Matrix,
    { images, outputGradients, geometry }: ConvCapture,
    basis?: Matrix,
    blend?: Blend,
  ): void {
    const [x, g] = [gather(images), gather(outputGradients)];
    const squares = linalg.depthwiseSquaredProjection(x, g, geometry, basis && gather(basis));
    scatter(theta, squares.data, blend);
  },

  stackedGemm(
    c: Matrix,
    a: Matrix,
    b: Matrix,
    parts: number,
    options: StackedGemmOptions = {},
  ): void {
    if (parts === 0) return;
    const { alpha: scale = 1, beta: decay = 0 } = options;
    scatter(c, linalg.stackedGemm(gather(a), gather(b), parts, options).data, { decay, scale });
  },
};
