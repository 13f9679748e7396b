// scaleRows: out_ij = w_i x_ij, [rows, cols], weights [1, rows]; out may be x. One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  outOffset: u32,
  outStride: u32,
  xOffset: u32,
  xStride: u32,
  weightsOffset: u32,
}

override X_IS_OUT: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let at = params.outOffset + i * params.outStride + j;
  var value: f32;
  if (X_IS_OUT) { value = out[at]; } else { value = x[params.xOffset + i * params.xStride + j]; }
  out[at] = weights[params.weightsOffset + i] * value;
}
