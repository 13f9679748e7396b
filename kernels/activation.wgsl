// activation: out = f(x) elementwise, [rows, cols]; out may be x.
//
//   KIND 0 relu     max(x, 0)
//   KIND 1 tanh     (1 - e)/(1 + e) with e = e^-2|x|, below 0.625 an odd polynomial
//   KIND 2 sigmoid  s(x) = 1 / (1 + e^-x)
//   KIND 3 gelu     x Phi(x), Phi the normal distribution function
//   KIND 4 geluTanh x s(2 sqrt(2/pi) (x + 0.044715 x^3))
//   KIND 5 silu     x s(x)
//   KIND 6 softplus max(x, 0) + log(1 + e^-|x|)
//
// One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  outOffset: u32,
  outStride: u32,
  xOffset: u32,
  xStride: u32,
}

override KIND: u32 = 0;
override X_IS_OUT: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;

//! include exp
//! include gelu
//! include finite
//! include elements

fn preciseTanh(value: f32) -> f32 {
  let magnitude = abs(value);
  let e = preciseExp(-2.0 * magnitude);
  let large = (1.0 - e) / (1.0 + e);
  let z = value * value;
  // (tanh x - x) / x^3 in powers of x^2, fitted on [0, 0.625] to 4e-09 of tanh x.
  var p = fma(z, -5.704979057e-03, 2.063907940e-02);
  p = fma(z, p, -5.373971238e-02);
  p = fma(z, p, 1.333144216e-01);
  p = fma(z, p, -3.333328194e-01);
  let small = fma(z * magnitude, p, magnitude);
  let result = select(large, small, magnitude < 0.625);
  return select(result, -result, value < 0.0);
}

// log(1 + e) / e on [0, 1] fitted to 4.7e-9.
fn softplus(value: f32) -> f32 {
  let e = preciseExp(-abs(value));
  var p = fma(e, -3.243992081e-03, 1.985131340e-02);
  p = fma(e, p, -5.695925491e-02);
  p = fma(e, p, 1.060362663e-01);
  p = fma(e, p, -1.530557592e-01);
  p = fma(e, p, 1.967593349e-01);
  p = fma(e, p, -2.495413254e-01);
  p = fma(e, p, 3.332996231e-01);
  p = fma(e, p, -4.999990242e-01);
  p = fma(e, p, 1.0);
  return fma(e, p, max(value, 0.0));
}

fn element(i: u32, j: u32) {
  let at = params.outOffset + i * params.outStride + j;
  var value: f32;
  if (X_IS_OUT) { value = out[at]; } else { value = x[params.xOffset + i * params.xStride + j]; }
  var result = value;
  if (KIND == 0u) { result = select(value, 0.0, value < 0.0); }
  if (KIND == 1u) { result = preciseTanh(value); }
  if (KIND == 2u) { result = sigmoid(value); }
  if (KIND == 3u) { result = value * normalDistribution(value, preciseExp(-0.5 * value * value)); }
  if (KIND == 4u) { result = value * sigmoid(geluCubic(value)); }
  if (KIND == 5u) { result = value * sigmoid(value); }
  if (KIND == 6u) { result = softplus(value); }
  // A NaN stays one, whatever clamp and comparisons made of it.
  if (isNan(value)) { result = value; }
  out[at] = result;
}
