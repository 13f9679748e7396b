@group(0) @binding(2) var<storage, read> a: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;

fn leftElement(i: u32, k: u32) -> f32 {
  return a[params.aOffset + batch * params.aBatch + i * params.aRow + k * params.aCol];
}

fn rightElement(k: u32, j: u32) -> f32 {
  return b[params.bOffset + batch * params.bBatch + k * params.bRow + j * params.bCol];
}
