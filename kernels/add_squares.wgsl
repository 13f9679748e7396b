// addSquares: Theta = decay Theta + scale sum_n G_n^2, elementwise; the G_n [rows, cols] one below the
// other without gaps. The last step of squaredProjection of a convolution. Examples are added in
// ascending order; one invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  count: u32,
  decay: f32,
  scale: f32,
  thetaOffset: u32,
  thetaStride: u32,
  gradientsOffset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> theta: array<f32>;
@group(0) @binding(2) var<storage, read> gradients: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let size = params.rows * params.cols;
  let begin = params.gradientsOffset + i * params.cols + j;
  var sum = 0.0;
  for (var n = 0u; n < params.count; n++) {
    let value = gradients[begin + n * size];
    sum = fma(value, value, sum);
  }
  let at = params.thetaOffset + i * params.thetaStride + j;
  var value = params.scale * sum;
  if (params.decay != 0.0) { value = fma(params.decay, theta[at], value); }
  theta[at] = value;
}
