@group(0) @binding(2) var<storage, read> x: array<f32>;

fn leftElement(i: u32, k: u32) -> f32 {
  let value = x[params.xOffset + k * params.xStride + i];
  if (params.weighted == 0u) { return value; }
  return weights[params.weightsOffset + k] * value;
}

fn rightElement(k: u32, j: u32) -> f32 {
  return x[params.xOffset + k * params.xStride + j];
}
