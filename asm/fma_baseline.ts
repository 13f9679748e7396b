// Multiply-add of the baseline-SIMD build: `a b + c` rounded twice. Every kernel imports it as
// "./fma"; see tools/build_kernels.ts.

/**
 * Rows of the register tiles of `gemm`. The product needs a register of its own before it is added:
 * five by eight is the largest tile that fits into the 15 a compiler has to give on x86-64.
 */
export const TILE_ROWS: i32 = 5;

/** `a b + c` in each of four float32 lanes. */
@inline
export function fma(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c);
}

/** `a b + c` in each of two float64 lanes. */
@inline
export function fma64(a: v128, b: v128, c: v128): v128 {
  return f64x2.add(f64x2.mul(a, b), c);
}
