// axpby: y = alpha x + beta y elementwise, [rows, cols]; x may be y. Where alpha is 0, x is not read;
// where beta is, y is not. Either is a number or lies on the device. One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  yOffset: u32,
  yStride: u32,
  xOffset: u32,
  xStride: u32,
  alphaHeld: u32,
  alphaOffset: u32,
  alphaNumber: f32,
  betaHeld: u32,
  betaOffset: u32,
  betaNumber: f32,
}

override X_IS_OUT: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> alpha: array<f32>;
@group(0) @binding(4) var<storage, read> beta: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let at = params.yOffset + i * params.yStride + j;
  var a = params.alphaNumber;
  if (params.alphaHeld == 1u) { a = alpha[params.alphaOffset]; }
  var b = params.betaNumber;
  if (params.betaHeld == 1u) { b = beta[params.betaOffset]; }
  var sum = 0.0;
  if (b != 0.0) { sum = b * y[at]; }
  if (a != 0.0) {
    var value: f32;
    if (X_IS_OUT) { value = y[at]; } else { value = x[params.xOffset + i * params.xStride + j]; }
    sum = fma(a, value, sum);
  }
  y[at] = sum;
}
