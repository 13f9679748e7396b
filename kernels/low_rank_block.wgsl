// lowRankBlock: x_ij = x_ij (h(M_ij) - rows_i - columns_j - rest), in place: what lowRankDivide multiplies the
// block [rows, cols] with, beyond what its other terms do there. Factors as in low_rank_factors.wgsl. One
// invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  exponent: f32,
  xOffset: u32,
  xStride: u32,
  momentsOffset: u32,
  momentsStride: u32,
  factorsOffset: u32,
  dampingHeld: u32,
  dampingOffset: u32,
  dampingNumber: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read> moments: array<f32>;
@group(0) @binding(3) var<storage, read> factors: array<f32>;
@group(0) @binding(4) var<storage, read> damping: array<f32>;

//! include elements
//! include damped_power

fn element(i: u32, j: u32) {
  let h = dampedPower(moments[params.momentsOffset + i * params.momentsStride + j]);
  let first = params.factorsOffset;
  let others = factors[first + i] + factors[first + params.rows + j];
  let rest = factors[first + params.rows + params.cols];
  x[params.xOffset + i * params.xStride + j] *= h - others - rest;
}
