// poolGradient: gradient of pool with respect to the images, out [N h w, C].
//
// Every pixel collects from the windows that hold it: its share of a mean, or all of g where it is the
// first pixel of the window that attains the maximum in `pooled`. Gathered, not scattered, so nothing is
// added atomically. One invocation per element of out; taps in order.

struct Params {
  rows: u32,
  cols: u32,
  average: u32,
  outOffset: u32,
  outStride: u32,
  imagesOffset: u32,
  imagesStride: u32,
  pooledOffset: u32,
  pooledStride: u32,
  gOffset: u32,
  gStride: u32,
//! include window_fields
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> images: array<f32>;
@group(0) @binding(3) var<storage, read> pooled: array<f32>;
@group(0) @binding(4) var<storage, read> g: array<f32>;

//! include window
//! include elements

// Number of the window's pixels inside the image.
fn pixelsAt(location: u32) -> f32 {
  var count = 0.0;
  for (var tap = 0u; tap < params.kernelY * params.kernelX; tap++) {
    if (pixelOf(location, tap) != OUTSIDE) { count += 1.0; }
  }
  return count;
}

// Whether the pixel under a tap is the first to attain the window's maximum.
fn isFirstMaximum(location: u32, tap: u32, channel: u32) -> bool {
  let best = pooled[params.pooledOffset + location * params.pooledStride + channel];
  for (var t = 0u; t <= tap; t++) {
    let pixel = pixelOf(location, t);
    if (pixel == OUTSIDE) { continue; }
    if (images[params.imagesOffset + pixel * params.imagesStride + channel] == best) {
      return t == tap;
    }
  }
  return false;
}

fn element(pixel: u32, channel: u32) {
  var sum = 0.0;
  for (var tap = 0u; tap < params.kernelY * params.kernelX; tap++) {
    let location = locationOf(pixel, tap);
    if (location == OUTSIDE) { continue; }
    let gradient = g[params.gOffset + location * params.gStride + channel];
    if (params.average == 1u) {
      sum += gradient / pixelsAt(location);
    } else if (isFirstMaximum(location, tap, channel)) {
      sum += gradient;
    }
  }
  out[params.outOffset + pixel * params.outStride + channel] = sum;
}
