// conv2dDataGradient: every pixel collects Wbar^T g from the patches that hold it,
//
//   out_pc = sum_(tap, o) g(location of p under tap, o) Wbar(o, (tap, c)),   out [m, n]
//
// m = N h w pixels, n = channels, depth = taps * dOut, the outputs running faster; Wbar [dOut, dIn], its
// bias column takes no part. Gathered, not scattered, so nothing is added atomically. Tiles and order of
// summation: tiles.wgsl.

struct Params {
  m: u32,
  n: u32,
  depth: u32,
  parts: u32,
  partDepth: u32,
  outputs: u32,
  outOffset: u32,
  outStride: u32,
  gOffset: u32,
  gStride: u32,
  weightsOffset: u32,
  weightsStride: u32,
//! include window_fields
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;

//! include window
//! include tiles

fn leftElement(i: u32, k: u32) -> f32 {
  let location = locationOf(i, k / params.outputs);
  if (location == OUTSIDE) { return 0.0; }
  return g[params.gOffset + location * params.gStride + k % params.outputs];
}

fn rightElement(k: u32, j: u32) -> f32 {
  let column = (k / params.outputs) * params.channels + j;
  return weights[params.weightsOffset + (k % params.outputs) * params.weightsStride + column];
}

fn storeElement(i: u32, j: u32, sum: f32) {
  out[params.outOffset + i * params.outStride + j] = sum;
}
