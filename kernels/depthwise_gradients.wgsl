// depthwiseGradients: gradients of the weights, of each image by itself: v [N, (taps + bias) C m], a run of outputs
// per tap, of g [N T, C m] and images [N h w, C].
//
// One invocation per element of v; locations in order.

struct Params {
  rows: u32,
  cols: u32,
  outputs: u32,
  vOffset: u32,
  vStride: u32,
  imagesOffset: u32,
  imagesStride: u32,
  gOffset: u32,
  gStride: u32,
//! include window_fields
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> v: array<f32>;
@group(0) @binding(2) var<storage, read> images: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;

//! include window
//! include elements

fn element(example: u32, place: u32) {
  let output = place % params.outputs;
  let tap = place / params.outputs;
  let channel = output / (params.outputs / params.channels);
  let locations = params.outHeight * params.outWidth;
  let homogeneous = tap == params.kernelY * params.kernelX;
  var sum = 0.0;
  for (var t = example * locations; t < (example + 1u) * locations; t++) {
    var x = 1.0;
    if (!homogeneous) {
      let pixel = pixelOf(t, tap);
      if (pixel == OUTSIDE) { continue; }
      x = images[params.imagesOffset + pixel * params.imagesStride + channel];
    }
    sum = fma(x, g[params.gOffset + t * params.gStride + output], sum);
  }
  v[params.vOffset + example * params.vStride + place] = sum;
}
