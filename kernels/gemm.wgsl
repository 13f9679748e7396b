// gemm: C = decay C + scale op(A) op(B), for one pair of matrices or for a batch of pairs.
//
//   op(A) [m, depth], op(B) [depth, n], C [m, n]
//
// An operand's element (i, k) lies at offset + i row + k col, so that a transpose is an exchange of two
// numbers. Matrix number b of a batch starts b times `aBatch` (`bBatch`, `cBatch`) further. Tiles and
// order of summation: tiles.wgsl. With decay 0, C is not read. Operands whose rows begin at multiples of
// four numbers are loaded by vectors: loads_vec4.wgsl.

struct Params {
  m: u32,
  n: u32,
  depth: u32,
  parts: u32,
  partDepth: u32,
  cOffset: u32,
  cStride: u32,
  cBatch: u32,
  aOffset: u32,
  aRow: u32,
  aCol: u32,
  aBatch: u32,
  bOffset: u32,
  bRow: u32,
  bCol: u32,
  bBatch: u32,
  decay: f32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> c: array<f32>;
//! include gemm_operands
//! include tiles

fn storeElement(i: u32, j: u32, sum: f32) {
  let at = params.cOffset + (batch * params.parts + part) * params.cBatch + i * params.cStride + j;
  var value = params.scale * sum;
  if (params.decay != 0.0) { value = fma(params.decay, c[at], value); }
  c[at] = value;
}
