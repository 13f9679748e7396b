// activationGradient: out = g f'(x) elementwise from the output y = f(x), [rows, cols]; out may be g.
//
//   KIND 0 relu     f' = 1 where y > 0, else 0
//   KIND 1 tanh     f' = 1 - y^2
//   KIND 2 sigmoid  f' = y (1 - y)
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
}
