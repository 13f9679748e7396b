// rowNorm: out = scale xhat + shift, xhat = (x - mean) inverse with the moments of each row, [rows, cols].
//
// moments [rows, 2] of row_moments.wgsl; weights [parts, cols], scales above shifts. One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  parts: u32,
  outOffset: u32,
  outStride: u32,
  xOffset: u32,
  xStride: u32,
  momentsOffset: u32,
  momentsStride: u32,
  weightsOffset: u32,
  weightsStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> moments: array<f32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let place = params.momentsOffset + i * params.momentsStride;
  let xhat = (x[params.xOffset + i * params.xStride + j] - moments[place]) * moments[place + 1u];
  var shift = 0.0;
  if (params.parts > 1u) { shift = weights[params.weightsOffset + params.weightsStride + j]; }
  let value = fma(xhat, weights[params.weightsOffset + j], shift);
  out[params.outOffset + i * params.outStride + j] = value;
}
