// conv2dWeightGradient: C_b = decay C_b + scale g_b^T P_b, g [., m], P [., n] the patches of images.
//
// m = dOut, n = dIn with the homogeneous 1, C_b [m, n]. Batch number b takes the `depth` locations from
// b * depth on: the whole batch of images at once, or one example each, which gives the per-example
// gradients. Patches are read straight from the images (patch.wgsl). Tiles and order of summation:
// tiles.wgsl.

struct Params {
  m: u32,
  n: u32,
  depth: u32,
  parts: u32,
  partDepth: u32,
  cOffset: u32,
  cStride: u32,
  cBatch: u32,
  imagesOffset: u32,
  imagesStride: u32,
  gOffset: u32,
  gStride: u32,
  decay: f32,
  scale: f32,
//! include window_fields
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> c: array<f32>;
@group(0) @binding(2) var<storage, read> images: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;

//! include window
//! include patch
//! include tiles

fn leftElement(i: u32, k: u32) -> f32 {
  return g[params.gOffset + (batch * params.depth + k) * params.gStride + i];
}

fn rightElement(k: u32, j: u32) -> f32 {
  return patchElement(batch * params.depth + k, j);
}

fn storeElement(i: u32, j: u32, sum: f32) {
  let at = params.cOffset + (batch * params.parts + part) * params.cBatch + i * params.cStride + j;
  var value = params.scale * sum;
  if (params.decay != 0.0) { value = fma(params.decay, c[at], value); }
  c[at] = value;
}
