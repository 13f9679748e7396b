// squaredProjection: Theta = decay Theta + scale sum_n (Qout^T G_n Qin)^2, squares elementwise.
//
// Theta [dOut, dIn], Qout [dOut, dOut], Qin [dIn, dIn]; Theta is not read when decay is 0.
// Dense layers have G_n = g_n a_n^T, so that the square factors:
//
//   sum_n (Qout^T g_n)^2 ((Qin^T a_n)^2)^T = ((g Qout)^2)^T ((a Qin)^2),   g [n, dOut], a [n, dIn]
//
// two rotations of the captures and one product. Convolutions have no such shortcut: their rotated
// G_n are formed by the caller, transposed and side by side (see conv2d_weight_gradient.ts), and
// addSquares sums their squares. Denormal results become 0 (see second_moment.ts).

import { axpby, squares } from "./elementwise";
import { fma } from "./fma";
import { gemmWorkspace, multiply } from "./gemm";
import { align64, at, flushOne, loadTail } from "./simd";

/** Bytes of workspace of {@link squaredProjection}. */
export function squaredProjectionWorkspace(n: i32, dOut: i32, dIn: i32): usize {
  const d = max(dOut, dIn), longest = max(n, d);
  return align64(<usize>(n * dOut) << 2) + align64(<usize>(n * dIn) << 2) +
    gemmWorkspace(longest, d, longest);
}

/** Theta of a dense layer; without a basis (pointers 0) of the gradients as they are. */
export function squaredProjection(
  n: i32,
  dOut: i32,
  dIn: i32,
  decay: f32,
  scale: f32,
  theta: usize,
  strideTheta: i32,
  g: usize,
  strideG: i32,
  a: usize,
  strideA: i32,
  qOut: usize,
  strideQOut: i32,
  qIn: usize,
  strideQIn: i32,
  workspace: usize,
): void {
  const rowG = <usize>dOut << 2, rowA = <usize>dIn << 2;
  const g2 = workspace, a2 = g2 + align64(<usize>n * rowG), rest = a2 + align64(<usize>n * rowA);
  squareRotated(n, dOut, g2, g, strideG, qOut, strideQOut, rest);
  squareRotated(n, dIn, a2, a, strideA, qIn, strideQIn, rest);
  // deno-fmt-ignore
  multiply(
    dOut, dIn, n, scale, decay, theta, <usize>strideTheta << 2,
    g2, 4, rowG, a2, rowA, 4, 0, false, rest,
  );
  // Only to flush.
  axpby(dOut, dIn, 1, 0, theta, strideTheta, theta, strideTheta);
}

/** out = (X Q)^2, out [n, d] without gaps; (X)^2 when Q is absent. */
function squareRotated(
  n: i32,
  d: i32,
  out: usize,
  x: usize,
  strideX: i32,
  q: usize,
  strideQ: i32,
  workspace: usize,
): void {
  if (q == 0) {
    squares(n, d, 0, 1, out, d, x, strideX);
    return;
  }
  const lx = <usize>strideX << 2, lq = <usize>strideQ << 2;
  multiply(n, d, d, 1, 0, out, <usize>d << 2, x, lx, 4, q, lq, 4, 0, false, workspace);
  squares(1, n * d, 0, 1, out, 0, out, 0);
}

/**
 * Theta = decay Theta + scale sum_n G_n^2, Theta [dOut, dIn], from the transposed G_n: the numbers
 * [i, n, o] of `gradients` lie in rows of n `wide` numbers, one row per input i.
 */
export function addSquares(
  n: i32,
  dOut: i32,
  dIn: i32,
  wide: i32,
  decay: f32,
  scale: f32,
  theta: usize,
  strideTheta: i32,
  gradients: usize,
): void {
  const step = <usize>wide << 2, row = <usize>n * step;
  for (let i = 0; i < dIn; i++) {
    for (let o = 0; o < dOut; o += 4) {
      const count = min(4, dOut - o);
      let p = at(gradients + <usize>i * row, o), sum = f32x4.splat(0);
      for (let e = 0; e < n; e++) {
        const x = count == 4 ? v128.load(p) : loadTail(p, count);
        sum = fma(x, x, sum);
        p += step;
      }
      const to = at(theta, o * strideTheta + i), next = <usize>strideTheta << 2;
      blend(to, decay, scale * f32x4.extract_lane(sum, 0));
      if (count > 1) blend(to + next, decay, scale * f32x4.extract_lane(sum, 1));
      if (count > 2) blend(to + 2 * next, decay, scale * f32x4.extract_lane(sum, 2));
      if (count > 3) blend(to + 3 * next, decay, scale * f32x4.extract_lane(sum, 3));
    }
  }
}

/** One number of Theta. */
@inline
function blend(to: usize, decay: f32, value: f32): void {
  store<f32>(to, flushOne(decay != 0 ? decay * load<f32>(to) + value : value));
}
