// softmaxGradient: out = y (g - y . g), row by row; y = softmax(x), g and out [rows, cols].
//
// A workgroup per row. An invocation takes every 256th column, adding in ascending order, then workgroup_sum.wgsl.

struct Params {
  rows: u32,
  cols: u32,
  outOffset: u32,
  outStride: u32,
  yOffset: u32,
  yStride: u32,
  gOffset: u32,
  gStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;

//! include workgroup_sum

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let p = params.yOffset + row * params.yStride;
  let slope = params.gOffset + row * params.gStride;
  let to = params.outOffset + row * params.outStride;
  var sum = 0.0;
  for (var j = index; j < params.cols; j += GROUP) { sum = fma(y[p + j], g[slope + j], sum); }
  let mean = workgroupSum(index, sum);
  for (var j = index; j < params.cols; j += GROUP) {
    out[to + j] = y[p + j] * (g[slope + j] - mean);
  }
}
