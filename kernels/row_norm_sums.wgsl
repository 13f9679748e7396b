// rowNormSums: per example sum_t g xhat above sum_t g: x and g [rows positions, cols], out [2 rows, cols],
// rows the examples; moments [rows positions, 2] of row_moments.wgsl.
//
// One invocation per example and channel adds its positions in ascending order.

struct Params {
  rows: u32,
  cols: u32,
  positions: u32,
  outOffset: u32,
  outStride: u32,
  xOffset: u32,
  xStride: u32,
  gOffset: u32,
  gStride: u32,
  momentsOffset: u32,
  momentsStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read> moments: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  var along = 0.0;
  var sum = 0.0;
  for (var t = 0u; t < params.positions; t += 1u) {
    let row = i * params.positions + t;
    let place = params.momentsOffset + row * params.momentsStride;
    let xhat = (x[params.xOffset + row * params.xStride + j] - moments[place]) * moments[place + 1u];
    let gradient = g[params.gOffset + row * params.gStride + j];
    along = fma(gradient, xhat, along);
    sum += gradient;
  }
  let at = params.outOffset + 2u * i * params.outStride + j;
  out[at] = along;
  out[at + params.outStride] = sum;
}
