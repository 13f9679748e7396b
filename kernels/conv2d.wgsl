// conv2d: out = P W, P [m, depth] the patches of images, W [depth, n], out [m, n].
//
// m = N T locations, depth = kernel rows * kernel columns * channels, and the homogeneous 1. Element
// (k, j) of W lies at offset + k row + j col: a layer's weights are its transpose, an eigenbasis is W
// itself. Patches are read straight from the images (patch.wgsl). Tiles and order of summation:
// tiles.wgsl.

struct Params {
  m: u32,
  n: u32,
  depth: u32,
  parts: u32,
  partDepth: u32,
  outOffset: u32,
  outStride: u32,
  imagesOffset: u32,
  imagesStride: u32,
  weightsOffset: u32,
  weightsRow: u32,
  weightsCol: u32,
//! include window_fields
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> images: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;

//! include window
//! include patch
//! include tiles

fn leftElement(i: u32, k: u32) -> f32 {
  return patchElement(i, k);
}

fn rightElement(k: u32, j: u32) -> f32 {
  return weights[params.weightsOffset + k * params.weightsRow + j * params.weightsCol];
}

fn storeElement(i: u32, j: u32, sum: f32) {
  out[params.outOffset + i * params.outStride + j] = sum;
}
