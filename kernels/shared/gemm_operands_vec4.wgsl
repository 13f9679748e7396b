@group(0) @binding(2) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> b: array<vec4<f32>>;

fn leftVector(i: u32, k: u32) -> vec4<f32> {
  return a[(params.aOffset + batch * params.aBatch + i * params.aRow + k * params.aCol) / 4u];
}

fn rightVector(k: u32, j: u32) -> vec4<f32> {
  return b[(params.bOffset + batch * params.bBatch + k * params.bRow + j * params.bCol) / 4u];
}
