// Multiply-add of the relaxed-SIMD build: `a b + c` rounded once (where the machine can, which is
// everywhere that matters). Every kernel imports it as "./fma"; see tools/build_kernels.ts.

/**
 * Rows of the register tiles of `gemm`. Six by eight is the largest tile that needs no more than
 * the 15 vector registers a compiler has to give on x86-64: 12 sums, 2 of b, 1 of a.
 */
export const TILE_ROWS: i32 = 6;

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
