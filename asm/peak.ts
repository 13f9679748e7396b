// The limit that benches measure kernels against: multiply-adds on registers alone.

import { fma } from "./fma";
import { sum4 } from "./simd";

/** Operations (multiplications and additions) in one step of {@link multiplyAdds}. */
export const PEAK_OPERATIONS: i32 = 96;

/**
 * Runs `steps` steps of twelve independent multiply-adds of four lanes; the result keeps them
 * alive.
 */
export function multiplyAdds(steps: i32, x: f32, y: f32): f32 {
  const a = f32x4.splat(x), b = f32x4.splat(y);
  let s0 = a, s1 = a, s2 = a, s3 = a, s4 = a, s5 = a;
  let s6 = b, s7 = b, s8 = b, s9 = b, s10 = b, s11 = b;
  for (let i = 0; i < steps; i++) {
    s0 = fma(s0, a, b);
    s1 = fma(s1, a, b);
    s2 = fma(s2, a, b);
    s3 = fma(s3, a, b);
    s4 = fma(s4, a, b);
    s5 = fma(s5, a, b);
    s6 = fma(s6, a, b);
    s7 = fma(s7, a, b);
    s8 = fma(s8, a, b);
    s9 = fma(s9, a, b);
    s10 = fma(s10, a, b);
    s11 = fma(s11, a, b);
  }
  const low = f32x4.add(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)), f32x4.add(s4, s5));
  const high = f32x4.add(f32x4.add(f32x4.add(s6, s7), f32x4.add(s8, s9)), f32x4.add(s10, s11));
  return sum4(f32x4.add(low, high));
}
