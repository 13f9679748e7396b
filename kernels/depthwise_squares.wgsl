// depthwiseSquares: theta [C, d] = decay theta + scale sum_n (v_n[:, c] . q_ci)^2, v [N, d C] as depthwise_gradients.wgsl
// leaves it, q_ci the i-th column of channel c's basis [C d, d], or unit vectors.
//
// One invocation per element of theta; examples in order.

struct Params {
  rows: u32,
  cols: u32,
  count: u32,
  rotated: u32,
  decay: f32,
  scale: f32,
  thetaOffset: u32,
  thetaStride: u32,
  vOffset: u32,
  vStride: u32,
  basisOffset: u32,
  basisStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> theta: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> basis: array<f32>;

//! include elements

fn element(channel: u32, i: u32) {
  var sum = 0.0;
  for (var n = 0u; n < params.count; n++) {
    let row = params.vOffset + n * params.vStride + channel;
    var along = v[row + i * params.rows];
    if (params.rotated == 1u) {
      along = 0.0;
      for (var k = 0u; k < params.cols; k++) {
        let entry = basis[params.basisOffset + (channel * params.cols + k) * params.basisStride + i];
        along = fma(v[row + k * params.rows], entry, along);
      }
    }
    sum = fma(along, along, sum);
  }
  let at = params.thetaOffset + channel * params.thetaStride + i;
  var value = params.scale * sum;
  if (params.decay != 0.0) { value = fma(params.decay, theta[at], value); }
  theta[at] = value;
}
