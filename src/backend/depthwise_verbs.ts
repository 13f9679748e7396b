/**
 * The verbs of depthwise convolutions, whose channels have a patch and an output of their own, and of many small
 * matrices. The rules that hold for all verbs are at the head of `backend.ts`.
 *
 * @module
 */

import type { ConvCapture } from "../core/capture.ts";
import type { ConvGeometry } from "../core/geometry.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Blend } from "./blend.ts";

/** Options of {@linkcode DepthwiseVerbs.depthwiseSecondMoment}. */
export interface DepthwiseMomentOptions extends Blend {
  /** How much every location of a channel counts, [N T, C]. @default {all ones} */
  readonly weights?: Matrix;
}

/** Options of {@linkcode DepthwiseVerbs.stackedGemm}. */
export interface StackedGemmOptions {
  /** Use A_i^T instead of A_i. @default {false} */
  readonly transposeA?: boolean;
  /** Use B_i^T instead of B_i. @default {false} */
  readonly transposeB?: boolean;
  /** Factor of the products. @default {1} */
  readonly alpha?: number;
  /** Factor of what C held; 0 means that C is not read. @default {0} */
  readonly beta?: number;
}

/** Letters: C channels, each with a patch `abar_ntc` of dIn numbers (the 1 last) and an output. */
export interface DepthwiseVerbs {
  /**
   * `A_c = decay A_c + scale sum_nt w_ntc abar_ntc abar_ntc^T` for every channel, one below the other: c [C dIn, dIn],
   * images [N h w, C], of a geometry with as many groups as channels.
   */
  depthwiseSecondMoment(
    c: Matrix,
    images: Matrix,
    geometry: ConvGeometry,
    options?: DepthwiseMomentOptions,
  ): void;

  /**
   * `Theta_ci = decay Theta_ci + scale sum_n (q_ci . G_nc)^2`, `G_nc = sum_t g_ntc abar_ntc`: theta [C, dIn], basis
   * [C dIn, dIn] with q_ci the i-th column of channel c's, or without one of the gradients themselves.
   */
  depthwiseSquaredProjection(
    theta: Matrix,
    capture: ConvCapture,
    basis?: Matrix,
    blend?: Blend,
  ): void;

  /**
   * `C_i = beta C_i + alpha op(A_i) op(B_i)` for `parts` small matrices one below the other: c [parts m, n], a
   * [parts m, k], b [parts k, n].
   */
  stackedGemm(c: Matrix, a: Matrix, b: Matrix, parts: number, options?: StackedGemmOptions): void;
}
