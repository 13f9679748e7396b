// depthwiseSpread: sums over the examples of what depthwise_gradients.wgsl (symmetric 0: out [outputs, d]) or
// depthwise_moments.wgsl (symmetric 1: out [C d, d]) has left of each, as out = decay out + scale sum.
//
// One invocation per element of out; examples in order.

struct Params {
  rows: u32,
  cols: u32,
  count: u32,
  symmetric: u32,
  decay: f32,
  scale: f32,
  outOffset: u32,
  outStride: u32,
  vOffset: u32,
  vStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  var place = j * params.rows + i;
  if (params.symmetric == 1u) {
    let channels = params.rows / params.cols;
    let k = i % params.cols;
    place = (min(k, j) * params.cols + max(k, j)) * channels + i / params.cols;
  }
  var sum = 0.0;
  for (var n = 0u; n < params.count; n++) { sum += v[params.vOffset + n * params.vStride + place]; }
  let at = params.outOffset + i * params.outStride + j;
  var value = params.scale * sum;
  if (params.decay != 0.0) { value = fma(params.decay, out[at], value); }
  out[at] = value;
}
