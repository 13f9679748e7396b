// patchSecondMoment: C = decay C + scale P^T diag(w) P, P [depth, n] the patches of images, C [n, n].
//
// depth = N T locations, n = kernel rows * kernel columns * channels, and the homogeneous 1. Patches are
// read straight from the images (patch.wgsl). Symmetric as secondMoment. Tiles and order of summation:
// tiles.wgsl with UPPER_ONLY.

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
  weightsOffset: u32,
  weighted: u32,
  decay: f32,
  scale: f32,
//! include window_fields
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> c: array<f32>;
@group(0) @binding(2) var<storage, read> images: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;

//! include window
//! include patch
//! include tiles

fn leftElement(i: u32, k: u32) -> f32 {
  let value = patchElement(k, i);
  if (params.weighted == 0u) { return value; }
  return weights[params.weightsOffset + k] * value;
}

fn rightElement(k: u32, j: u32) -> f32 {
  return patchElement(k, j);
}

//! include store_symmetric
