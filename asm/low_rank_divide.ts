// lowRankFactors: what lowRankDivide multiplies with, from moments M [kOut + 1, kIn + 1].
//
//   h(x) = (max(0, x) + lambda)^-p
//   tr_i = h((M_i,kIn - sum_j M_ij) / (dIn - kIn)),  tc_j = h((M_kOut,j - sum_i M_ij) / (dOut - kOut))
//   rest = h((corner - last column - last row + block) / ((dOut - kOut)(dIn - kIn)))
//   X_ij = P_ij (h(M_ij) - tr_i - tc_j + rest),  rows_i = tr_i - rest,  columns_j = tc_j - rest
//
// Where a side is spanned by its basis there is nothing outside of it, and what would be divided there
// counts as 0: then nothing large cancels. X [kOut, kIn] may be P; all results are contiguous. Sums in
// float64, j and i ascending.

import { at } from "./simd";

/** Returns `rest`. */
export function lowRankFactors(
  kOut: i32,
  kIn: i32,
  dOut: i32,
  dIn: i32,
  lambda: f32,
  exponent: f32,
  x: usize,
  rows: usize,
  columns: usize,
  p: usize,
  moments: usize,
  strideM: i32,
): f32 {
  const outside = <f64>(dOut - kOut), inside = <f64>(dIn - kIn);
  const last = at(moments, kOut * strideM);
  let rest = <f64>load<f32>(at(last, kIn));
  for (let j = 0; j < kIn; j++) {
    let left = <f64>load<f32>(at(last, j));
    rest -= left;
    for (let i = 0; i < kOut; i++) left -= <f64>load<f32>(at(moments, i * strideM + j));
    store<f32>(at(columns, j), <f32>inverse(left, outside, lambda, exponent));
  }
  for (let i = 0; i < kOut; i++) {
    const row = at(moments, i * strideM);
    let left = <f64>load<f32>(at(row, kIn));
    for (let j = 0; j < kIn; j++) left -= <f64>load<f32>(at(row, j));
    rest -= left;
    store<f32>(at(rows, i), <f32>inverse(left, inside, lambda, exponent));
  }
  const hRest = inverse(rest, outside * inside, lambda, exponent);
  for (let i = 0; i < kOut; i++) {
    const row = at(rows, i), hRow = <f64>load<f32>(row);
    for (let j = 0; j < kIn; j++) {
      const h = inverse(<f64>load<f32>(at(moments, i * strideM + j)), 1, lambda, exponent);
      const factor = h - hRow - <f64>load<f32>(at(columns, j)) + hRest;
      store<f32>(at(x, i * kIn + j), <f32>(<f64>load<f32>(at(p, i * kIn + j)) * factor));
    }
    store<f32>(row, <f32>(hRow - hRest));
  }
  for (let j = 0; j < kIn; j++) {
    const column = at(columns, j);
    store<f32>(column, <f32>(<f64>load<f32>(column) - hRest));
  }
  return <f32>hRest;
}

/** h of a sum that is spread over `count` directions, 0 where there is none. */
function inverse(sum: f64, count: f64, lambda: f32, exponent: f32): f64 {
  if (count == 0) return 0;
  const damped = max(0, sum / count) + <f64>lambda;
  if (exponent == 1) return 1 / damped;
  return exponent == 0.5 ? 1 / Math.sqrt(damped) : Math.pow(damped, -<f64>exponent);
}
