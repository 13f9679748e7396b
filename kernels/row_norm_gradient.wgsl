// rowNormGradient: out = (h - mean h - xhat mean(h xhat)) inverse, h = g scale, means over the row; no mean h
// unless CENTRED. x, g, out [rows, cols], moments [rows, 2] of row_moments.wgsl, weights [1, cols], the scales.
//
// A workgroup per row. An invocation adds every 256th term in ascending order, then workgroup_sum.wgsl.

struct Params {
  rows: u32,
  cols: u32,
  outOffset: u32,
  outStride: u32,
  xOffset: u32,
  xStride: u32,
  gOffset: u32,
  gStride: u32,
  momentsOffset: u32,
  momentsStride: u32,
  weightsOffset: u32,
}

override CENTRED: bool = true;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read> moments: array<f32>;
@group(0) @binding(5) var<storage, read> weights: array<f32>;

//! include workgroup_sum

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let beginX = params.xOffset + row * params.xStride;
  let beginG = params.gOffset + row * params.gStride;
  let place = params.momentsOffset + row * params.momentsStride;
  let inverse = moments[place + 1u];
  var sum = 0.0;
  var along = 0.0;
  for (var j = index; j < params.cols; j += GROUP) {
    let h = g[beginG + j] * weights[params.weightsOffset + j];
    sum += h;
    along = fma(h, x[beginX + j] - moments[place], along);
  }
  var mean = 0.0;
  if (CENTRED) { mean = workgroupSum(index, sum) / f32(params.cols); }
  let share = workgroupSum(index, along) / f32(params.cols) * inverse;
  let to = params.outOffset + row * params.outStride;
  for (var j = index; j < params.cols; j += GROUP) {
    let h = g[beginG + j] * weights[params.weightsOffset + j];
    let xhat = (x[beginX + j] - moments[place]) * inverse;
    out[to + j] = (h - mean - xhat * share) * inverse;
  }
}
