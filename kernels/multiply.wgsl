// multiply: out = x o y elementwise, [rows, cols]; out may be x or y. One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  outOffset: u32,
  outStride: u32,
  xOffset: u32,
  xStride: u32,
  yOffset: u32,
  yStride: u32,
}

override X_IS_OUT: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> y: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let at = params.outOffset + i * params.outStride + j;
  var a: f32;
  if (X_IS_OUT) { a = out[at]; } else { a = x[params.xOffset + i * params.xStride + j]; }
  out[at] = a * y[params.yOffset + i * params.yStride + j];
}
