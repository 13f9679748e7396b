// rotateInto: out = Qout^T X Qin, and rotateBack: out = Qout [X / (Theta + lambda)^p] Qin^T.
//
// X and out [m, n], Qout [m, m], Qin [n, n], Theta [m, n] or absent (pointer 0: no division). Two
// products through a temporary [m, n], the quotient in a second one. Which product comes first does
// not change the cost.

import { dampedDivide } from "./damped_divide";
import { gemmWorkspace, multiply } from "./gemm";
import { align64 } from "./simd";

/** Bytes of workspace of {@link rotateInto} and {@link rotateBack}. */
export function rotateWorkspace(m: i32, n: i32): usize {
  return 2 * align64(<usize>(m * n) << 2) + gemmWorkspace(m, n, max(m, n));
}

/** out = Qout^T X Qin. */
export function rotateInto(
  m: i32,
  n: i32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
  qOut: usize,
  strideQOut: i32,
  qIn: usize,
  strideQIn: i32,
  workspace: usize,
): void {
  const row = <usize>n << 2, lo = <usize>strideQOut << 2, li = <usize>strideQIn << 2;
  const half = workspace, rest = workspace + align64(<usize>m * row);
  // deno-fmt-ignore
  multiply(m, n, n, 1, 0, half, row, x, <usize>strideX << 2, 4, qIn, li, 4, 0, false, rest);
  // deno-fmt-ignore
  multiply(m, n, m, 1, 0, out, <usize>strideOut << 2, qOut, 4, lo, half, row, 4, 0, false, rest);
}

/** out = Qout [X / (Theta + lambda)^exponent] Qin^T; without division when `theta` is 0. */
export function rotateBack(
  m: i32,
  n: i32,
  lambda: f32,
  exponent: f32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
  qOut: usize,
  strideQOut: i32,
  qIn: usize,
  strideQIn: i32,
  theta: usize,
  strideTheta: i32,
  workspace: usize,
): void {
  const row = <usize>n << 2, lo = <usize>strideQOut << 2, li = <usize>strideQIn << 2;
  const half = workspace, quotient = half + align64(<usize>m * row);
  const rest = quotient + align64(<usize>m * row);
  let source = x, strideSource = <usize>strideX << 2;
  if (theta != 0) {
    dampedDivide(m, n, lambda, exponent, quotient, n, x, strideX, theta, strideTheta);
    source = quotient;
    strideSource = row;
  }
  // deno-fmt-ignore
  multiply(m, n, n, 1, 0, half, row, source, strideSource, 4, qIn, 4, li, 0, false, rest);
  // deno-fmt-ignore
  multiply(m, n, m, 1, 0, out, <usize>strideOut << 2, qOut, lo, 4, half, row, 4, 0, false, rest);
}
