// appendOnes: out = [X | 1], X [rows, cols - 1], out [rows, cols]. One invocation per element of out.

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

//! include elements

fn element(i: u32, j: u32) {
  var value = 1.0;
  if (j + 1u < params.cols) { value = x[params.xOffset + i * params.xStride + j]; }
  out[params.outOffset + i * params.outStride + j] = value;
}
