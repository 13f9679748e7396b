// relativeDamping: out = tau max(factor * s0 s1 s2 s3, floor), all [1, 1]; `count` of the four sources
// count. With LAST false only the product is stored, to be a source of the next call. One invocation.

struct Params {
  tau: f32,
  factor: f32,
  floor: f32,
  count: u32,
  outOffset: u32,
  s0Offset: u32,
  s1Offset: u32,
  s2Offset: u32,
  s3Offset: u32,
}

override LAST: bool = true;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> s0: array<f32>;
@group(0) @binding(3) var<storage, read> s1: array<f32>;
@group(0) @binding(4) var<storage, read> s2: array<f32>;
@group(0) @binding(5) var<storage, read> s3: array<f32>;

//! include finite

@compute @workgroup_size(1)
fn main() {
  var product = 1.0;
  if (params.count > 0u) { product *= s0[params.s0Offset]; }
  if (params.count > 1u) { product *= s1[params.s1Offset]; }
  if (params.count > 2u) { product *= s2[params.s2Offset]; }
  if (params.count > 3u) { product *= s3[params.s3Offset]; }
  if (LAST) {
    let mean = params.factor * product;
    // A NaN must come through, which max may replace by the floor.
    product = params.tau * select(max(mean, params.floor), mean, isNan(mean));
  }
  out[params.outOffset] = product;
}
