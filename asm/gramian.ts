// gramian: C = X X^T, X [n, d] with any row stride, C [n, n] without gaps: inner products of rows.
//
// Where n is small, or d large, columns packed for the tiles of gemm.ts cost more than they save: rows
// are multiplied as they lie, two by two, each pair of lanes in two sums of four. C is symmetric, and
// one half of it is computed.

import { fma } from "./fma";
import { at, load4, sum4 } from "./simd";

/** C = X X^T. */
export function gramian(n: i32, d: i32, c: usize, x: usize, strideX: i32): void {
  for (let i = 0; i < n; i += 2) {
    // A missing row is one that is there; its products are written first, and then overwritten.
    const x0 = at(x, i * strideX), x1 = i + 1 < n ? at(x0, strideX) : x0;
    const i1 = min(i + 1, n - 1);
    for (let j = i; j < n; j += 2) {
      const y0 = at(x, j * strideX), y1 = j + 1 < n ? at(y0, strideX) : y0;
      const j1 = min(j + 1, n - 1);
      let a = f32x4.splat(0), b = a, e = a, f = a, a1 = a, b1 = a, e1 = a, f1 = a;
      let k: usize = 0;
      const end = <usize>d << 2;
      for (; k + 32 <= end; k += 32) {
        let u = v128.load(x0 + k), v = v128.load(x1 + k);
        let y = v128.load(y0 + k), z = v128.load(y1 + k);
        a = fma(u, y, a);
        b = fma(u, z, b);
        e = fma(v, y, e);
        f = fma(v, z, f);
        u = v128.load(x0 + k, 16);
        v = v128.load(x1 + k, 16);
        y = v128.load(y0 + k, 16);
        z = v128.load(y1 + k, 16);
        a1 = fma(u, y, a1);
        b1 = fma(u, z, b1);
        e1 = fma(v, y, e1);
        f1 = fma(v, z, f1);
      }
      for (; k < end; k += 16) {
        const left = <i32>(end - k) >> 2;
        const u = load4(x0 + k, left), v = load4(x1 + k, left);
        const y = load4(y0 + k, left), z = load4(y1 + k, left);
        a = fma(u, y, a);
        b = fma(u, z, b);
        e = fma(v, y, e);
        f = fma(v, z, f);
      }
      put(c, n, i1, j1, sum4(f32x4.add(f, f1)));
      put(c, n, i1, j, sum4(f32x4.add(e, e1)));
      put(c, n, i, j1, sum4(f32x4.add(b, b1)));
      put(c, n, i, j, sum4(f32x4.add(a, a1)));
    }
  }
}

@inline
function put(c: usize, n: i32, i: i32, j: i32, value: f32): void {
  store<f32>(at(c, i * n + j), value);
  store<f32>(at(c, j * n + i), value);
}
