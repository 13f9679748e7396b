// The exponential of four numbers.
//
// With x = n ln 2 + r, n an integer and |r| <= ln(2) / 2: exp x = 2^n exp r, exp r by its Taylor
// polynomial of degree 7 (truncation below 2^-26 relative). ln 2 is split in two so that r is exact
// to the last bit. Relative error below 2e-7. Below -87.3 the result is 0 (no denormals), above
// 88.3 it stays at e^88.3; NaN stays NaN.

import { fma } from "./fma";

/** 1.5 * 2^23: adding it leaves the nearest integer in the low bits of a float32. */
const ROUNDER: f32 = 12582912;

/** exp of each lane. */
@inline
export function exp4(x: v128): v128 {
  // pmin and pmax are one instruction each, and keep NaN as their first argument.
  const bounded = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-87.3)), f32x4.splat(88.3));
  const shifted = fma(bounded, f32x4.splat(1.44269504), f32x4.splat(ROUNDER));
  const n = f32x4.sub(shifted, f32x4.splat(ROUNDER));
  let r = fma(n, f32x4.splat(-0.693359375), bounded);
  r = fma(n, f32x4.splat(2.12194440e-4), r);
  let p = fma(r, f32x4.splat(<f32>(1.0 / 5040)), f32x4.splat(<f32>(1.0 / 720)));
  p = fma(r, p, f32x4.splat(<f32>(1.0 / 120)));
  p = fma(r, p, f32x4.splat(<f32>(1.0 / 24)));
  p = fma(r, p, f32x4.splat(<f32>(1.0 / 6)));
  p = fma(r, p, f32x4.splat(0.5));
  p = fma(f32x4.mul(r, r), p, f32x4.add(r, f32x4.splat(1)));
  // The low nine bits of `shifted` are n; the shift drops the others.
  const powerOfTwo = i32x4.add(i32x4.shl(shifted, 23), f32x4.splat(1));
  return v128.andnot(f32x4.mul(p, powerOfTwo), f32x4.lt(x, f32x4.splat(-87.3)));
}
