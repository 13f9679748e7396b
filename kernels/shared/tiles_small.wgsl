// The product of tiles.wgsl for small matrices: 4 x 4 sums per invocation, so that a product of few
// elements still spreads over many workgroups. Same contract, same overrides, same order of summation.

override THREADS_I: u32 = 8;
override THREADS_J: u32 = 8;
override DEPTH: u32 = 16;
override LEFT_ALONG_K: bool = true;
override RIGHT_ALONG_K: bool = false;
override UPPER_ONLY: bool = false;

const MICRO: u32 = 4u;

var<workgroup> leftTile: array<vec4<f32>, DEPTH * (THREADS_I + 1)>;
var<workgroup> rightTile: array<vec4<f32>, DEPTH * (THREADS_J + 1)>;

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

  var s0 = vec4<f32>();
  var s1 = vec4<f32>();
  var s2 = vec4<f32>();
  var s3 = vec4<f32>();

  for (var first = start; first < end; first += DEPTH) {
    fillLeft(index, firstRow, first, end);
    fillRight(index, firstCol, first, end);
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let a = leftTile[k * (THREADS_I + 1u) + thread.y];
      let x = rightTile[k * (THREADS_J + 1u) + thread.x];
      s0 = fma(vec4(a.x), x, s0);
      s1 = fma(vec4(a.y), x, s1);
      s2 = fma(vec4(a.z), x, s2);
      s3 = fma(vec4(a.w), x, s3);
    }
    workgroupBarrier();
  }

  let i = firstRow + 4u * thread.y;
  let j = firstCol + 4u * thread.x;
  storeQuad(i, j, s0);
  storeQuad(i + 1u, j, s1);
  storeQuad(i + 2u, j, s2);
  storeQuad(i + 3u, j, s3);
}
