@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;

fn leftVector(i: u32, k: u32) -> vec4<f32> {
  let value = x[(params.xOffset + k * params.xStride + i) / 4u];
  if (params.weighted == 0u) { return value; }
  return weights[params.weightsOffset + k] * value;
}

fn rightVector(k: u32, j: u32) -> vec4<f32> {
  return x[(params.xOffset + k * params.xStride + j) / 4u];
}
