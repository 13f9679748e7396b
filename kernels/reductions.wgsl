// The first half of dot, sum, trace and allFinite: one partial result per workgroup.
//
//   KIND 0 dot        sum_ij x_ij y_ij
//   KIND 1 sum        sum_ij x_ij
//   KIND 2 trace      sum_i x_ii        (rows = 1, cols = n)
//   KIND 3 allFinite  number of entries that are not finite, at most one per invocation
//
// partials [1, workgroups]. An invocation adds its elements, a grid apart, in ascending order, then the
// workgroup its invocations' sums: with n elements and W workgroups the error is below n / (256 W)
// roundings and those of workgroup_sum.wgsl. Finished by reductions_finish.wgsl.

struct Params {
  rows: u32,
  cols: u32,
  xOffset: u32,
  xStride: u32,
  yOffset: u32,
  yStride: u32,
}

override KIND: u32 = 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> y: array<f32>;

//! include finite
//! include workgroup_sum

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let count = params.rows * params.cols;
  var total = 0.0;
  for (var at = group.x * GROUP + index; at < count; at += GROUP * groups.x) {
    let i = at / params.cols;
    let j = at % params.cols;
    if (KIND == 2u) {
      total += x[params.xOffset + j * (params.xStride + 1u)];
    } else {
      let value = x[params.xOffset + i * params.xStride + j];
      if (KIND == 0u) { total = fma(value, y[params.yOffset + i * params.yStride + j], total); }
      if (KIND == 1u) { total += value; }
      if (KIND == 3u && !isFinite(value)) { total = 1.0; }
    }
  }
  total = workgroupSum(index, total);
  if (index == 0u) { partials[group.x] = total; }
}
