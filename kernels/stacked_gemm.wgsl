// stackedGemm: C_p = beta C_p + alpha op(A_p) op(B_p) for matrices one below the other, c [parts m, n]; element (i, l)
// of op(A_p) lies at offset + p aPart + i aRow + l aCol, B alike.
//
// For small matrices: one invocation per element of c; terms in order.

struct Params {
  rows: u32,
  cols: u32,
  m: u32,
  depth: u32,
  alpha: f32,
  beta: f32,
  cOffset: u32,
  cStride: u32,
  aOffset: u32,
  aPart: u32,
  aRow: u32,
  aCol: u32,
  bOffset: u32,
  bPart: u32,
  bRow: u32,
  bCol: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> c: array<f32>;
@group(0) @binding(2) var<storage, read> a: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;

//! include elements

fn element(row: u32, j: u32) {
  let part = row / params.m;
  let left = params.aOffset + part * params.aPart + (row % params.m) * params.aRow;
  let right = params.bOffset + part * params.bPart + j * params.bCol;
  var sum = 0.0;
  for (var l = 0u; l < params.depth; l++) {
    sum = fma(a[left + l * params.aCol], b[right + l * params.bRow], sum);
  }
  let at = params.cOffset + row * params.cStride + j;
  var value = params.alpha * sum;
  if (params.beta != 0.0) { value = fma(params.beta, c[at], value); }
  c[at] = value;
}
