// squaredProjection of a dense layer: Theta = decay Theta + scale sum_n (g_n o g_n) (a_n o a_n)^T
//
// g [depth, m] output gradients and a [depth, n] inputs, both already in the basis; Theta [m, n]. The
// square of a rank-one matrix is the rank-one matrix of the squares, so the sum over examples is one
// product. Tiles and order of summation: tiles.wgsl.

struct Params {
  m: u32,
  n: u32,
  depth: u32,
  parts: u32,
  partDepth: u32,
  cOffset: u32,
  cStride: u32,
  cBatch: u32,
  gOffset: u32,
  gStride: u32,
  aOffset: u32,
  aStride: u32,
  decay: f32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> c: array<f32>;
@group(0) @binding(2) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<storage, read> a: array<f32>;

//! include tiles

fn leftElement(i: u32, k: u32) -> f32 {
  let value = g[params.gOffset + k * params.gStride + i];
  return value * value;
}

fn rightElement(k: u32, j: u32) -> f32 {
  let value = a[params.aOffset + k * params.aStride + j];
  return value * value;
}

fn storeElement(i: u32, j: u32, sum: f32) {
  let at = params.cOffset + (batch * params.parts + part) * params.cBatch + i * params.cStride + j;
  var value = params.scale * sum;
  if (params.decay != 0.0) { value = fma(params.decay, c[at], value); }
  c[at] = value;
}
