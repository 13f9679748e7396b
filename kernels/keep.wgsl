// keep: out = x, bit for bit, [rows, cols]; with a flag, [1, 1], only where that is not 0. One invocation per
// element.

struct Params {
  rows: u32,
  cols: u32,
  outOffset: u32,
  outStride: u32,
  xOffset: u32,
  xStride: u32,
  flagHeld: u32,
  flagOffset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<u32>;
@group(0) @binding(3) var<storage, read> flag: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  if (params.flagHeld == 1u && flag[params.flagOffset] == 0.0) { return; }
  out[params.outOffset + i * params.outStride + j] = x[params.xOffset + i * params.xStride + j];
}
