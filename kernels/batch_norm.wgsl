// batchNorm: out = scale xhat + shift, xhat = (x - mean) / sqrt(variance + epsilon), [rows, cols].
//
// moments and weights [2, cols]: means above variances, scales above shifts. One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  epsilon: f32,
  outOffset: u32,
  outStride: u32,
  xOffset: u32,
  xStride: u32,
  momentsOffset: u32,
  momentsStride: u32,
  weightsOffset: u32,
  weightsStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> moments: array<f32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let mean = moments[params.momentsOffset + j];
  let variance = moments[params.momentsOffset + params.momentsStride + j];
  let scale = weights[params.weightsOffset + j] / sqrt(variance + params.epsilon);
  let shift = weights[params.weightsOffset + params.weightsStride + j];
  let centred = x[params.xOffset + i * params.xStride + j] - mean;
  out[params.outOffset + i * params.outStride + j] = fma(centred, scale, shift);
}
