// The exponential of four numbers.
//
// With x = n ln 2 + r, n an integer and |r| <= ln(2) / 2: exp x = 2^n exp r, exp r by its Taylor
// polynomial of degree 7 (truncation below 2^-26 relative). ln 2 is split in two so that r is exact to
// the last bit. Relative error below 2e-7. Below -87.3 the result is 0 (no denormals), above 88.7 it
// stays at the largest finite power.

import { fma } from "./fma";

/** exp of each lane. */
export function exp4(x: v128): v128 {
  const bounded = f32x4.min(f32x4.max(x, f32x4.splat(-87.4)), f32x4.splat(88.7));
  const n = f32x4.nearest(f32x4.mul(bounded, f32x4.splat(1.44269504)));
  let r = fma(n, f32x4.splat(-0.693359375), bounded);
  r = fma(n, f32x4.splat(2.12194440e-4), r);
  let p = fma(r, f32x4.splat(<f32>(1.0 / 5040)), f32x4.splat(<f32>(1.0 / 720)));
  p = fma(r, p, f32x4.splat(<f32>(1.0 / 120)));
  p = fma(r, p, f32x4.splat(<f32>(1.0 / 24)));
  p = fma(r, p, f32x4.splat(<f32>(1.0 / 6)));
  p = fma(r, p, f32x4.splat(0.5));
  p = fma(f32x4.mul(r, r), p, f32x4.add(r, f32x4.splat(1)));
  // 2^n in two factors: n runs to 128, the largest exponent of one is 127.
  const half = i32x4.shr_s(i32x4.trunc_sat_f32x4_s(n), 1);
  const rest = i32x4.sub(i32x4.trunc_sat_f32x4_s(n), half);
  const value = f32x4.mul(f32x4.mul(p, powerOfTwo(half)), powerOfTwo(rest));
  return v128.andnot(value, f32x4.lt(x, f32x4.splat(-87.3)));
}

/** 2^n for integers n in [-126, 127]. */
@inline
function powerOfTwo(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23);
}
