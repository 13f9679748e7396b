// depthwiseMoments: second moments of the patches of each image by itself, v [N, d d C] with entry (k, l) of channel c
// at (k d + l) C + c, k <= l, d = taps + bias; location t of channel c counts weights[t, c] times.
//
// One invocation per element of v; those below the diagonal do nothing. Locations in order.

struct Params {
  rows: u32,
  cols: u32,
  d: u32,
  weighted: u32,
  vOffset: u32,
  vStride: u32,
  imagesOffset: u32,
  imagesStride: u32,
  weightsOffset: u32,
  weightsStride: u32,
//! include window_fields
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> v: array<f32>;
@group(0) @binding(2) var<storage, read> images: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;

//! include window
//! include elements

// A number of a channel's patch; the last is the 1 where there is one.
fn patchNumber(location: u32, tap: u32, channel: u32) -> f32 {
  if (tap == params.kernelY * params.kernelX) { return 1.0; }
  let pixel = pixelOf(location, tap);
  if (pixel == OUTSIDE) { return 0.0; }
  return images[params.imagesOffset + pixel * params.imagesStride + channel];
}

fn element(example: u32, place: u32) {
  let channel = place % params.channels;
  let entry = place / params.channels;
  let k = entry / params.d;
  let l = entry % params.d;
  if (k > l) { return; }
  let locations = params.outHeight * params.outWidth;
  var sum = 0.0;
  for (var t = example * locations; t < (example + 1u) * locations; t++) {
    var x = patchNumber(t, k, channel);
    if (params.weighted == 1u) {
      x *= weights[params.weightsOffset + t * params.weightsStride + channel];
    }
    sum = fma(x, patchNumber(t, l, channel), sum);
  }
  v[params.vOffset + example * params.vStride + place] = sum;
}
