// eigh of large matrices, a round's second half: every pair's U of eigh_pivot is applied,
//
//   S_ab -> U_a^T S_ab U_b for pairs a != b,   V_b -> V_b U_b,   S and V [size, size]
//
// group.x counts pairs b, group.y first pairs a, then runs of SIDE rows of V, group.z matrices. What two
// pairs share is one workgroup's business, so nothing is read that another one writes. An invocation
// makes four rows of a column at a time; sums over k in ascending order.

struct Params {
  size: u32,
  round: u32,
  matricesOffset: u32,
  vectorsOffset: u32,
  turnsOffset: u32,
  stateOffset: u32,
}

override SIDE: u32 = 64;

const THREADS: u32 = 256u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> matrices: array<f32>;
@group(0) @binding(2) var<storage, read_write> vectors: array<f32>;
@group(0) @binding(3) var<storage, read> turns: array<f32>;
@group(0) @binding(4) var<storage, read> state: array<f32>;

//! include eigh_state
//! include block_pairs

var<workgroup> before: array<f32, SIDE * (SIDE + 1)>;
var<workgroup> half: array<f32, SIDE * (SIDE + 1)>;

fn cell(i: u32, j: u32) -> u32 {
  return i * (SIDE + 1u) + j;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let job = group.z;
  let pairs = groups.x;
  if (state[stateAt(job, PHASE)] != ACTIVE || group.x == group.y) { return; }
  let blocks = 2u * pairs;
  let ofVectors = group.y >= pairs;
  let begin = job * params.size * params.size;
  for (var e = index; e < SIDE * SIDE; e += THREADS) {
    let i = e / SIDE;
    let col = memberOf(group.x, e % SIDE, params.round, blocks);
    if (ofVectors) {
      let row = (group.y - pairs) * SIDE + i;
      before[cell(i, e % SIDE)] = vectors[params.vectorsOffset + begin + row * params.size + col];
    } else {
      let row = memberOf(group.y, i, params.round, blocks);
      before[cell(i, e % SIDE)] = matrices[params.matricesOffset + begin + row * params.size + col];
    }
  }
  workgroupBarrier();
  let right = params.turnsOffset + (job * pairs + group.x) * SIDE * SIDE;
  for (var e = index; e < SIDE * SIDE / 4u; e += THREADS) {
    let i = 4u * (e / SIDE);
    let j = e % SIDE;
    var sums = vec4<f32>();
    for (var k = 0u; k < SIDE; k++) {
      let rows = vec4(
        before[cell(i, k)], before[cell(i + 1u, k)], before[cell(i + 2u, k)], before[cell(i + 3u, k)],
      );
      sums = fma(rows, vec4(turns[right + k * SIDE + j]), sums);
    }
    half[cell(i, j)] = sums.x;
    half[cell(i + 1u, j)] = sums.y;
    half[cell(i + 2u, j)] = sums.z;
    half[cell(i + 3u, j)] = sums.w;
  }
  workgroupBarrier();
  if (ofVectors) {
    for (var e = index; e < SIDE * SIDE; e += THREADS) {
      let row = (group.y - pairs) * SIDE + e / SIDE;
      let col = memberOf(group.x, e % SIDE, params.round, blocks);
      vectors[params.vectorsOffset + begin + row * params.size + col] = half[cell(e / SIDE, e % SIDE)];
    }
    return;
  }
  let left = params.turnsOffset + (job * pairs + group.y) * SIDE * SIDE;
  for (var e = index; e < SIDE * SIDE / 4u; e += THREADS) {
    let i = 4u * (e / SIDE);
    let j = e % SIDE;
    var sums = vec4<f32>();
    for (var k = 0u; k < SIDE; k++) {
      let turn = left + k * SIDE + i;
      let column = vec4(turns[turn], turns[turn + 1u], turns[turn + 2u], turns[turn + 3u]);
      sums = fma(column, vec4(half[cell(k, j)]), sums);
    }
    let col = memberOf(group.x, j, params.round, blocks);
    for (var r = 0u; r < 4u; r++) {
      let row = memberOf(group.y, i + r, params.round, blocks);
      matrices[params.matricesOffset + begin + row * params.size + col] = sums[r];
    }
  }
}
