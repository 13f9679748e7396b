// softmax: out = exp(x - max x) / sum, row by row; x, out [rows, cols].
//
// A workgroup per row. An invocation takes every 256th column, adding in ascending order, then workgroup_sum.wgsl.

struct Params {
  rows: u32,
  cols: u32,
  outOffset: u32,
  outStride: u32,
  xOffset: u32,
  xStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;

//! include exp
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
  let to = params.outOffset + row * params.outStride;
  var own = -3.4028234e38;
  for (var j = index; j < params.cols; j += GROUP) { own = max(own, x[begin + j]); }
  let top = workgroupMax(index, own);
  var sum = 0.0;
  for (var j = index; j < params.cols; j += GROUP) { sum += preciseExp(x[begin + j] - top); }
  let total = workgroupSum(index, sum);
  for (var j = index; j < params.cols; j += GROUP) {
    out[to + j] = preciseExp(x[begin + j] - top) / total;
  }
}
