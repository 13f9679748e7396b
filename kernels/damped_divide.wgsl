// dampedDivide: out = x / (Theta + lambda)^p elementwise, [rows, cols]; out may be x.
//
// ROOT 0: p = 1, ROOT 1: p = 1/2, ROOT 2: any p. lambda is a number or lies on the device. One
// invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  exponent: f32,
  outOffset: u32,
  outStride: u32,
  xOffset: u32,
  xStride: u32,
  thetaOffset: u32,
  thetaStride: u32,
  dampingHeld: u32,
  dampingOffset: u32,
  dampingNumber: f32,
}

override ROOT: u32 = 0;
override X_IS_OUT: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> theta: array<f32>;
@group(0) @binding(4) var<storage, read> damping: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let at = params.outOffset + i * params.outStride + j;
  var value: f32;
  if (X_IS_OUT) { value = out[at]; } else { value = x[params.xOffset + i * params.xStride + j]; }
  var lambda = params.dampingNumber;
  if (params.dampingHeld == 1u) { lambda = damping[params.dampingOffset]; }
  let base = theta[params.thetaOffset + i * params.thetaStride + j] + lambda;
  if (ROOT == 0u) { out[at] = value / base; }
  if (ROOT == 1u) { out[at] = value / sqrt(base); }
  if (ROOT == 2u) {
    // Of 0 pow is not defined everywhere; a negative exponent multiplies with it.
    let power = pow(base, -params.exponent);
    out[at] = value * select(power, 0.0, base == 0.0 && params.exponent < 0.0);
  }
}
