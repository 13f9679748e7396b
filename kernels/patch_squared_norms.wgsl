// patchSquaredNorms: out_nt = |abar_nt|^2 = sum over taps of the pixel's squared norm, + 1 for the bias.
//
// norms [1, N h w] are the pixels' own (row_squared_norms.wgsl), each shared by all windows that hold
// it; out [1, N T], cols = N T. Taps are added in order; one invocation per location.

struct Params {
  rows: u32,
  cols: u32,
  bias: f32,
  outOffset: u32,
  normsOffset: u32,
//! include window_fields
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> norms: array<f32>;

//! include window
//! include elements

fn element(_i: u32, location: u32) {
  var sum = params.bias;
  for (var tap = 0u; tap < params.kernelY * params.kernelX; tap++) {
    let pixel = pixelOf(location, tap);
    if (pixel != OUTSIDE) { sum += norms[params.normsOffset + pixel]; }
  }
  out[params.outOffset + location] = sum;
}
