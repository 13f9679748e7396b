// The first half of stepProducts: (sum u s, sum u^2, sum w^2) of a workgroup's elements, all [rows, cols].
//
// partials [3, stride]: a row per sum, a column per workgroup. Orders of summation as in reductions.wgsl,
// whose second half finishes each row.

struct Params {
  rows: u32,
  cols: u32,
  partialsStride: u32,
  uOffset: u32,
  uStride: u32,
  sOffset: u32,
  sStride: u32,
  wOffset: u32,
  wStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
@group(0) @binding(2) var<storage, read> u: array<f32>;
@group(0) @binding(3) var<storage, read> s: array<f32>;
@group(0) @binding(4) var<storage, read> w: array<f32>;

//! include workgroup_sum

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let count = params.rows * params.cols;
  var us = 0.0;
  var uu = 0.0;
  var ww = 0.0;
  for (var at = group.x * GROUP + index; at < count; at += GROUP * groups.x) {
    let i = at / params.cols;
    let j = at % params.cols;
    let x = u[params.uOffset + i * params.uStride + j];
    let z = w[params.wOffset + i * params.wStride + j];
    us = fma(x, s[params.sOffset + i * params.sStride + j], us);
    uu = fma(x, x, uu);
    ww = fma(z, z, ww);
  }
  us = workgroupSum(index, us);
  uu = workgroupSum(index, uu);
  ww = workgroupSum(index, ww);
  if (index == 0u) {
    partials[group.x] = us;
    partials[params.partialsStride + group.x] = uu;
    partials[2u * params.partialsStride + group.x] = ww;
  }
}
