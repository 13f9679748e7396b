// The tiled matrix product behind every kernel that is one:
//
//   out_ij = sum_k left(i, k) right(k, j),   i < m, j < n, k < depth
//
// The including kernel says what the operands are and what becomes of a sum:
//   fn leftElement(i: u32, k: u32) -> f32     fn rightElement(k: u32, j: u32) -> f32
//   fn storeElement(i: u32, j: u32, sum: f32)
// and has `m, n, depth, parts, partDepth` in its Params. `group.z` counts batches times parts: a part is
// a run of `partDepth` values of k, whose sums are combined later (combine.wgsl). Both are in the
// private variables `batch` and `part`.
//
// A workgroup of THREADS_J x THREADS_I invocations owns a tile of 8 THREADS_I x 8 THREADS_J sums, an
// invocation 8 x 8 of them in registers, as two runs of four rows and of four columns, so that
// neighbours read neighbouring quads of shared memory. DEPTH values of k are staged at a time, four rows
// or columns to a vector. Sums run over k in ascending order, fused.

override THREADS_I: u32 = 16;
override THREADS_J: u32 = 16;
override DEPTH: u32 = 8;
// Whether neighbouring invocations load along k (operand contiguous in k) or along the other side.
override LEFT_ALONG_K: bool = true;
override RIGHT_ALONG_K: bool = false;
// Leaves out tiles below the diagonal.
override UPPER_ONLY: bool = false;

const MICRO: u32 = 8u;

// One quad of padding per row, so that loading along k does not meet one bank.
var<workgroup> leftTile: array<vec4<f32>, DEPTH * (2 * THREADS_I + 1)>;
var<workgroup> rightTile: array<vec4<f32>, DEPTH * (2 * THREADS_J + 1)>;

var<private> batch: u32;
var<private> part: u32;

//! include loads

fn storeQuad(i: u32, j: u32, sums: vec4<f32>) {
  if (i >= params.m) { return; }
  if (j < params.n) { storeElement(i, j, sums.x); }
  if (j + 1u < params.n) { storeElement(i, j + 1u, sums.y); }
  if (j + 2u < params.n) { storeElement(i, j + 2u, sums.z); }
  if (j + 3u < params.n) { storeElement(i, j + 3u, sums.w); }
}

@compute @workgroup_size(THREADS_J, THREADS_I)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) thread: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let firstRow = group.y * THREADS_I * MICRO;
  let firstCol = group.x * THREADS_J * MICRO;
  if (UPPER_ONLY && firstRow >= firstCol + THREADS_J * MICRO) { return; }
  batch = group.z / params.parts;
  part = group.z % params.parts;
  let start = (group.z % params.parts) * params.partDepth;
  let end = min(params.depth, start + params.partDepth);
  let leftQuads = 2u * THREADS_I;
  let rightQuads = 2u * THREADS_J;

  var s00 = vec4<f32>(); var s01 = vec4<f32>();
  var s10 = vec4<f32>(); var s11 = vec4<f32>();
  var s20 = vec4<f32>(); var s21 = vec4<f32>();
  var s30 = vec4<f32>(); var s31 = vec4<f32>();
  var s40 = vec4<f32>(); var s41 = vec4<f32>();
  var s50 = vec4<f32>(); var s51 = vec4<f32>();
  var s60 = vec4<f32>(); var s61 = vec4<f32>();
  var s70 = vec4<f32>(); var s71 = vec4<f32>();

  for (var first = start; first < end; first += DEPTH) {
    fillLeft(index, firstRow, first, end);
    fillRight(index, firstCol, first, end);
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let a = leftTile[k * (leftQuads + 1u) + thread.y];
      let b = leftTile[k * (leftQuads + 1u) + THREADS_I + thread.y];
      let x = rightTile[k * (rightQuads + 1u) + thread.x];
      let y = rightTile[k * (rightQuads + 1u) + THREADS_J + thread.x];
      s00 = fma(vec4(a.x), x, s00); s01 = fma(vec4(a.x), y, s01);
      s10 = fma(vec4(a.y), x, s10); s11 = fma(vec4(a.y), y, s11);
      s20 = fma(vec4(a.z), x, s20); s21 = fma(vec4(a.z), y, s21);
      s30 = fma(vec4(a.w), x, s30); s31 = fma(vec4(a.w), y, s31);
      s40 = fma(vec4(b.x), x, s40); s41 = fma(vec4(b.x), y, s41);
      s50 = fma(vec4(b.y), x, s50); s51 = fma(vec4(b.y), y, s51);
      s60 = fma(vec4(b.z), x, s60); s61 = fma(vec4(b.z), y, s61);
      s70 = fma(vec4(b.w), x, s70); s71 = fma(vec4(b.w), y, s71);
    }
    workgroupBarrier();
  }

  let i = firstRow + 4u * thread.y;
  let j = firstCol + 4u * thread.x;
  let below = i + 4u * THREADS_I;
  let right = j + 4u * THREADS_J;
  storeQuad(i, j, s00); storeQuad(i, right, s01);
  storeQuad(i + 1u, j, s10); storeQuad(i + 1u, right, s11);
  storeQuad(i + 2u, j, s20); storeQuad(i + 2u, right, s21);
  storeQuad(i + 3u, j, s30); storeQuad(i + 3u, right, s31);
  storeQuad(below, j, s40); storeQuad(below, right, s41);
  storeQuad(below + 1u, j, s50); storeQuad(below + 1u, right, s51);
  storeQuad(below + 2u, j, s60); storeQuad(below + 2u, right, s61);
  storeQuad(below + 3u, j, s70); storeQuad(below + 3u, right, s71);
}
