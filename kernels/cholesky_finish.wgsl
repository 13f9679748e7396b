// choleskyInverse, last step: out = -W where flag is 1, [rows, cols]; status = flag.
//
// Both sides of the diagonal are taken from below it, so out is exactly symmetric. One invocation per
// element.

struct Params {
  rows: u32,
  cols: u32,
  outOffset: u32,
  outStride: u32,
  statusOffset: u32,
  wOffset: u32,
  flagOffset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> status: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read> flag: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let good = flag[params.flagOffset];
  if (i + j == 0u) { status[params.statusOffset] = good; }
  if (good == 0.0) { return; }
  let value = w[params.wOffset + max(i, j) * params.cols + min(i, j)];
  out[params.outOffset + i * params.outStride + j] = -value;
}
