// secondMoment: C = decay C + scale X^T diag(w) X, X [depth, n], C [n, n], m = n.
//
// Sums above the diagonal only, each written to both sides, so that C is exactly symmetric. Tiles and
// order of summation: tiles.wgsl with UPPER_ONLY. Denormals are flushed to 0. Without weights
// `weighted` is 0.

struct Params {
  m: u32,
  n: u32,
  depth: u32,
  parts: u32,
  partDepth: u32,
  cOffset: u32,
  cStride: u32,
  cBatch: u32,
  xOffset: u32,
  xStride: u32,
  weightsOffset: u32,
  weighted: u32,
  decay: f32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> c: array<f32>;
//! include second_moment_operands
@group(0) @binding(3) var<storage, read> weights: array<f32>;

//! include tiles

//! include store_symmetric
