// pool: the maximum or the mean over windows, channel by channel: images [N h w, C], out [N T, C].
//
// Padding takes no part; a window that holds nothing else gives 0. One invocation per element of out;
// taps in order.

struct Params {
  rows: u32,
  cols: u32,
  average: u32,
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
//! include elements

fn element(location: u32, channel: u32) {
  var count = 0.0;
  var sum = 0.0;
  var largest = 0.0;
  for (var tap = 0u; tap < params.kernelY * params.kernelX; tap++) {
    let pixel = pixelOf(location, tap);
    if (pixel == OUTSIDE) { continue; }
    let value = images[params.imagesOffset + pixel * params.imagesStride + channel];
    largest = select(max(largest, value), value, count == 0.0);
    sum += value;
    count += 1.0;
  }
  let at = params.outOffset + location * params.outStride + channel;
  if (params.average == 1u) { out[at] = sum / max(count, 1.0); } else { out[at] = largest; }
}
