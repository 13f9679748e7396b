// eigh of large matrices, a round's first half: the block Jacobi method. S [size, size] is cut into
// blocks of SIDE / 2 columns; every pair of blocks of the round is a symmetric matrix [SIDE, SIDE], which
// is diagonalized in shared memory (jacobi.wgsl):
//
//   S_pp -> U^T S_pp U,   U stored for eigh_apply
//
// group.x counts pairs, group.y matrices. Two inner sweeps suffice: what is left is small beside what
// the other pairs still hold.

struct Params {
  size: u32,
  round: u32,
  matricesOffset: u32,
  turnsOffset: u32,
  stateOffset: u32,
}

const INNER_SWEEPS: u32 = 2u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> matrices: array<f32>;
@group(0) @binding(2) var<storage, read_write> turns: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<f32>;

//! include eigh_state
//! include jacobi
//! include block_pairs

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let job = group.y;
  if (state[stateAt(job, PHASE)] != ACTIVE) { return; }
  let blocks = 2u * groups.x;
  let begin = params.matricesOffset + job * params.size * params.size;
  for (var e = index; e < SIDE * SIDE; e += THREADS) {
    let i = e / SIDE;
    let j = e % SIDE;
    let row = memberOf(group.x, i, params.round, blocks);
    let col = memberOf(group.x, j, params.round, blocks);
    s[cell(i, j)] = matrices[begin + row * params.size + col];
    u[cell(i, j)] = select(0.0, 1.0, i == j);
  }
  workgroupBarrier();
  let threshold = NEGLIGIBLE * state[stateAt(job, NORM)] / f32(params.size);
  _ = jacobi(index, SIDE, threshold, INNER_SWEEPS);
  workgroupBarrier();
  let to = params.turnsOffset + (job * groups.x + group.x) * SIDE * SIDE;
  for (var e = index; e < SIDE * SIDE; e += THREADS) {
    let i = e / SIDE;
    let j = e % SIDE;
    let row = memberOf(group.x, i, params.round, blocks);
    let col = memberOf(group.x, j, params.round, blocks);
    matrices[begin + row * params.size + col] = s[cell(i, j)];
    turns[to + e] = u[cell(i, j)];
  }
}
