// batchNormGradient: out = scale / sqrt(variance + epsilon) (g - sums_1 / n - xhat sums_0 / n).
//
// x, g, out [rows, cols], n = rows; moments, weights and sums [2, cols]. One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  epsilon: f32,
  outOffset: u32,
  outStride: u32,
  xOffset: u32,
  xStride: u32,
  gOffset: u32,
  gStride: u32,
  momentsOffset: u32,
  momentsStride: u32,
  weightsOffset: u32,
  sumsOffset: u32,
  sumsStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read> moments: array<f32>;
@group(0) @binding(5) var<storage, read> weights: array<f32>;
@group(0) @binding(6) var<storage, read> sums: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let share = 1.0 / f32(params.rows);
  let variance = moments[params.momentsOffset + params.momentsStride + j];
  let inverse = 1.0 / sqrt(variance + params.epsilon);
  let centred = x[params.xOffset + i * params.xStride + j] - moments[params.momentsOffset + j];
  let along = centred * (inverse * (sums[params.sumsOffset + j] * share));
  let middle = sums[params.sumsOffset + params.sumsStride + j] * share;
  let rest = (g[params.gOffset + i * params.gStride + j] - middle) - along;
  out[params.outOffset + i * params.outStride + j] =
    weights[params.weightsOffset + j] * inverse * rest;
}
