// depthwise: out[t, o] = bias_o + sum over taps k of x[t + k, o / m] w[o, k], one channel a group: images [N h w, C],
// weights [C m, taps + bias], out [N T, C m].
//
// One invocation per element of out; taps in order.

struct Params {
  rows: u32,
  cols: u32,
  bias: u32,
  outOffset: u32,
  outStride: u32,
  imagesOffset: u32,
  imagesStride: u32,
  weightsOffset: u32,
  weightsStride: u32,
//! include window_fields
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> images: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;

//! include window
//! include elements

fn element(location: u32, output: u32) {
  let channel = output / (params.cols / params.channels);
  let taps = params.kernelY * params.kernelX;
  let row = params.weightsOffset + output * params.weightsStride;
  var sum = 0.0;
  if (params.bias == 1u) { sum = weights[row + taps]; }
  for (var tap = 0u; tap < taps; tap++) {
    let pixel = pixelOf(location, tap);
    if (pixel == OUTSIDE) { continue; }
    sum = fma(images[params.imagesOffset + pixel * params.imagesStride + channel], weights[row + tap], sum);
  }
  out[params.outOffset + location * params.outStride + output] = sum;
}
