// zeroUnless: x = flag ? x : 0 elementwise, [rows, cols], flag [1, 1]; what is replaced may be NaN. One
// invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  xOffset: u32,
  xStride: u32,
  flagOffset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read> flag: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  if (flag[params.flagOffset] == 0.0) { x[params.xOffset + i * params.xStride + j] = 0.0; }
}
