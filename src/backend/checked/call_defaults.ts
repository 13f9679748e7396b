/**
 * What {@linkcode CheckedBackend} puts in the place of options that are left out, and the letters of the
 * kernel table that follow from an argument as a whole.
 *
 * @module
 */

import type * as api from "../backend.ts";
import { type ConvGeometry, locationsOf, patchLength, type Window } from "../../core/geometry.ts";

/** The factors of an accumulation. */
export function resolveBlend({ decay = 0, scale = 1 }: api.Blend = {}): Required<api.Blend> {
  return { decay, scale };
}

/** The options of a second moment. */
export function resolveSecondMoment(
  options: api.SecondMomentOptions = {},
): api.SecondMomentOptions {
  return { ...options, ...resolveBlend(options) };
}

/** The numbers of a damped division. */
export function resolveDivision<D extends { readonly exponent?: number }>(
  division: D,
): D & { readonly exponent: number } {
  return { ...division, exponent: division.exponent ?? 1 };
}

/** The letters of a low-rank basis, and of the matrices one larger. */
export function ranksOf({ output, input }: api.RowBasis): Record<string, number> {
  const [kOut, kIn] = [output.rows, input.rows];
  return { kOut, kIn, "kOut+1": kOut + 1, "kIn+1": kIn + 1 };
}

/** The letters of a window: h, w, C, T, and `taps`, the pixels of a window. */
export function windowSizes(window: Window): Record<string, number> {
  const { height: h, width: w, channels: C, kernel } = window;
  return { h, w, C, T: locationsOf(window), taps: kernel[0] * kernel[1] };
}

/** The letters of a convolution: those of its window and dIn. */
export function sizesOf(geometry: ConvGeometry): Record<string, number> {
  return { ...windowSizes(geometry), dIn: patchLength(geometry) };
}
