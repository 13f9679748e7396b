// depthwiseDataGradient: every pixel collects g w from the windows that hold it: g [N T, C m], weights
// [C m, taps + bias], out [N h w, C].
//
// One invocation per element of out; taps in order, and in each the channel's outputs.

struct Params {
  rows: u32,
  cols: u32,
  outputs: u32,
  outOffset: u32,
  outStride: u32,
  gOffset: u32,
  gStride: u32,
  weightsOffset: u32,
  weightsStride: u32,
//! include window_fields
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;

//! include window
//! include elements

fn element(pixel: u32, channel: u32) {
  let each = params.outputs / params.cols;
  var sum = 0.0;
  for (var tap = 0u; tap < params.kernelY * params.kernelX; tap++) {
    let location = locationOf(pixel, tap);
    if (location == OUTSIDE) { continue; }
    for (var o = channel * each; o < (channel + 1u) * each; o++) {
      let weight = weights[params.weightsOffset + o * params.weightsStride + tap];
      sum = fma(g[params.gOffset + location * params.gStride + o], weight, sum);
    }
  }
  out[params.outOffset + pixel * params.outStride + channel] = sum;
}
