// lowRankFactors: by what lowRankDivide multiplies outside of its block, from moments M [kOut + 1, kIn + 1].
//
//   h(x) = (max(0, x) + lambda)^-p
//   rest      = h((corner - last column - last row + block) / ((dOut - kOut)(dIn - kIn)))
//   rows_i    = h((M_i,kIn - sum_j M_ij) / (dIn - kIn)) - rest
//   columns_j = h((M_kOut,j - sum_i M_ij) / (dOut - kOut)) - rest
//
// factors [1, kOut + kIn + 1] = [rows | columns | rest]. Where a side is spanned by its basis there is
// nothing outside of it, and its h counts as 0: then nothing large cancels. One workgroup; an invocation
// sums whole rows and columns in ascending order, a workgroup apart.

struct Params {
  kOut: u32,
  kIn: u32,
  outside: f32,
  inside: f32,
  exponent: f32,
  factorsOffset: u32,
  momentsOffset: u32,
  momentsStride: u32,
  dampingHeld: u32,
  dampingOffset: u32,
  dampingNumber: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> factors: array<f32>;
@group(0) @binding(2) var<storage, read> moments: array<f32>;
@group(0) @binding(3) var<storage, read> damping: array<f32>;

//! include workgroup_sum
//! include damped_power

fn momentAt(i: u32, j: u32) -> f32 {
  return moments[params.momentsOffset + i * params.momentsStride + j];
}

fn inverse(sum: f32, count: f32) -> f32 {
  if (count == 0.0) { return 0.0; }
  return dampedPower(sum / count);
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) index: u32) {
  var left = 0.0;
  for (var i = index; i < params.kOut; i += GROUP) {
    var row = momentAt(i, params.kIn);
    for (var j = 0u; j < params.kIn; j++) { row -= momentAt(i, j); }
    left += row;
    factors[params.factorsOffset + i] = inverse(row, params.inside);
  }
  var last = 0.0;
  for (var j = index; j < params.kIn; j += GROUP) {
    var column = momentAt(params.kOut, j);
    last += column;
    for (var i = 0u; i < params.kOut; i++) { column -= momentAt(i, j); }
    factors[params.factorsOffset + params.kOut + j] = inverse(column, params.outside);
  }
  left = workgroupSum(index, left);
  last = workgroupSum(index, last);
  let corner = momentAt(params.kOut, params.kIn);
  let rest = inverse(corner - last - left, params.outside * params.inside);
  for (var i = index; i < params.kOut; i += GROUP) { factors[params.factorsOffset + i] -= rest; }
  for (var j = index; j < params.kIn; j += GROUP) {
    factors[params.factorsOffset + params.kOut + j] -= rest;
  }
  if (index == 0u) { factors[params.factorsOffset + params.kOut + params.kIn] = rest; }
}
