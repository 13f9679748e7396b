// adamDirection: m = beta1 m + rest1 g, v = beta2 v + rest2 g^2,
// out = correction1 m / (sqrt(correction2 v) + epsilon), elementwise, all [rows, cols].
//
// rest = 1 - beta and correction = 1 / (1 - beta^count), computed in float64 by the caller. One
// invocation per element. Kingma & Ba 2015, algorithm 1.

struct Params {
  rows: u32,
  cols: u32,
  beta1: f32,
  beta2: f32,
  rest1: f32,
  rest2: f32,
  correction1: f32,
  correction2: f32,
  epsilon: f32,
  outOffset: u32,
  outStride: u32,
  mOffset: u32,
  mStride: u32,
  vOffset: u32,
  vStride: u32,
  gOffset: u32,
  gStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> m: array<f32>;
@group(0) @binding(3) var<storage, read_write> v: array<f32>;
@group(0) @binding(4) var<storage, read> g: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let gradient = g[params.gOffset + i * params.gStride + j];
  let first = params.mOffset + i * params.mStride + j;
  let second = params.vOffset + i * params.vStride + j;
  let mean = fma(params.beta1, m[first], params.rest1 * gradient);
  let square = fma(params.beta2, v[second], params.rest2 * gradient * gradient);
  m[first] = mean;
  v[second] = square;
  out[params.outOffset + i * params.outStride + j] =
    params.correction1 * mean / (sqrt(params.correction2 * square) + params.epsilon);
}
