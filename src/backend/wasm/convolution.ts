/**
 * Convolutions, patches and pooling.
 *
 * @module
 */

import type { Verbs } from "../backend.ts";
import { BackendError } from "../../core/errors.ts";
import type { Machine } from "./machine.ts";

/** The verbs of this topic. */
export type Convolution = Pick<
  Verbs,
  | "conv2d"
  | "conv2dDataGradient"
  | "conv2dWeightGradient"
  | "patches"
  | "patchSecondMoment"
  | "patchSquaredNorms"
  | "pool"
  | "poolGradient"
>;

/** The verbs of this topic on one machine. */
export function createConvolution(_machine: Machine): Convolution {
  const absent = (): never => {
    throw new BackendError("wasm", "this build has no convolution kernels");
  };
  return {
    conv2d: absent,
    conv2dDataGradient: absent,
    conv2dWeightGradient: absent,
    patches: absent,
    patchSecondMoment: absent,
    patchSquaredNorms: absent,
    pool: absent,
    poolGradient: absent,
  };
}
