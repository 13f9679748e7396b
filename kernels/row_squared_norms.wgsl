// rowSquaredNorms: out_i = sum_j X_ij^2, X [rows, cols], out [1, rows].
//
// A workgroup per row: an invocation sums every 256th square in ascending order, then the sums are
// added by halves (workgroup_sum.wgsl). Rows are spread over a grid of two dimensions.

struct Params {
  rows: u32,
  cols: u32,
  outOffset: u32,
  xOffset: u32,
  xStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;

//! include workgroup_sum

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let begin = params.xOffset + row * params.xStride;
  var sum = 0.0;
  for (var j = index; j < params.cols; j += GROUP) {
    let value = x[begin + j];
    sum = fma(value, value, sum);
  }
  let total = workgroupSum(index, sum);
  if (index == 0u) { out[params.outOffset + row] = total; }
}
