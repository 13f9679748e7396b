// activationGradient: out = g f'(x) elementwise, [rows, cols]; out may be g. y is the output f(x), from kind 3 on
// the input x.
//
//   KIND 0 relu     f' = 1 where y > 0, else 0
//   KIND 1 tanh     f' = 1 - y^2
//   KIND 2 sigmoid  f' = y (1 - y)
//   KIND 3 gelu     f' = Phi(x) + x e^(-x^2/2) / sqrt(2 pi)
//   KIND 4 geluTanh f' = s + x s (1 - s) w', s the sigmoid of w = 2 sqrt(2/pi) (x + 0.044715 x^3)
//   KIND 5 silu     f' = s (1 + x (1 - s)), s the sigmoid of x
//   KIND 6 softplus f' = s
//
// One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  outOffset: u32,
  outStride: u32,
  yOffset: u32,
  yStride: u32,
  gOffset: u32,
  gStride: u32,
}

override KIND: u32 = 0;
override G_IS_OUT: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;

//! include exp
//! include gelu
//! include elements

fn element(i: u32, j: u32) {
  let at = params.outOffset + i * params.outStride + j;
  var gradient: f32;
  if (G_IS_OUT) {
    gradient = out[at];
  } else {
    gradient = g[params.gOffset + i * params.gStride + j];
  }
  let value = y[params.yOffset + i * params.yStride + j];
  if (KIND == 0u) { out[at] = select(0.0, gradient, value > 0.0); }
  if (KIND == 1u) { out[at] = gradient * (1.0 - value * value); }
  if (KIND == 2u) { out[at] = gradient * (value * (1.0 - value)); }
  if (KIND == 3u) {
    let e = preciseExp(-0.5 * value * value);
    out[at] = gradient * fma(value, 0.39894228 * e, normalDistribution(value, e));
  }
  if (KIND == 4u) {
    let s = sigmoid(geluCubic(value));
    let slope = fma(value * value, 3.0 * CUBIC * TWICE_ROOT, TWICE_ROOT);
    out[at] = gradient * fma(value * slope, s * (1.0 - s), s);
  }
  if (KIND == 5u) {
    let s = sigmoid(value);
    out[at] = gradient * (s * fma(value, 1.0 - s, 1.0));
  }
  if (KIND == 6u) { out[at] = gradient * sigmoid(value); }
}
