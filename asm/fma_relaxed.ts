// Multiply-add of the relaxed-SIMD build: `a b + c` rounded once (where the machine can, which is
// everywhere that matters). Every kernel imports it as "./fma"; see tools/build_kernels.ts.

/** `a b + c` in each of four float32 lanes. */
@inline
export function fma(a: v128, b: v128, c: v128): v128 {
  return f32x4.relaxed_madd(a, b, c);
}

/** `a b + c` in each of two float64 lanes. */
@inline
export function fma64(a: v128, b: v128, c: v128): v128 {
  return f64x2.relaxed_madd(a, b, c);
}
