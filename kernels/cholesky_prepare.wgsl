// choleskyInverse, first step: W = scale X + shift I, X and W [rows, cols], square; flag = 1.
//
// The inverse by sweeping: a pass over the pivot block W_bb (cholesky_pivot, cholesky_panel,
// cholesky_sweep) replaces, with P = W_bb^-1,
//
//   W_bb by -P,   W_bj by P W_bj,   W_ib by W_ib P,   W_ij by W_ij - W_ib P W_bj,
//
// and after all blocks W is minus the inverse (Goodnight 1979). Pivot blocks are Schur complements: they
// are positive definite as long as W was, so no pivoting is needed, and Cholesky's factorization of one
// fails exactly when W is not. One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  wOffset: u32,
  flagOffset: u32,
  xOffset: u32,
  xStride: u32,
  scaleHeld: u32,
  scaleOffset: u32,
  scaleNumber: f32,
  shiftHeld: u32,
  shiftOffset: u32,
  shiftNumber: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> flag: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read> scale: array<f32>;
@group(0) @binding(5) var<storage, read> shift: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  var factor = params.scaleNumber;
  if (params.scaleHeld == 1u) { factor = scale[params.scaleOffset]; }
  var value = factor * x[params.xOffset + i * params.xStride + j];
  if (i == j) {
    if (params.shiftHeld == 1u) { value += shift[params.shiftOffset]; } else { value += params.shiftNumber; }
  }
  w[params.wOffset + i * params.cols + j] = value;
  if (i + j == 0u) { flag[params.flagOffset] = 1.0; }
}
