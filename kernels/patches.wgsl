// patches: out = the patches of images (im2col), zero where a window leaves its image, [rows, cols].
//
// rows = N T locations, cols in the order (kernel row, kernel column, channel), the homogeneous 1 last.
// One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  outOffset: u32,
  outStride: u32,
  imagesOffset: u32,
  imagesStride: u32,
//! include window_fields
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> images: array<f32>;

//! include window
//! include patch
//! include elements

fn element(i: u32, j: u32) {
  out[params.outOffset + i * params.outStride + j] = patchElement(i, j);
}
