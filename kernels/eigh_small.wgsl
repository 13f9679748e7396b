// eigh of matrices that fit into shared memory: cyclic Jacobi to the end (jacobi.wgsl), size <= SIDE, even.
//
//   S -> diagonal,   V -> V U,   both [size, size]
//
// One workgroup per matrix.

struct Params {
  size: u32,
  stateOffset: u32,
  vectorsOffset: u32,
  matricesOffset: u32,
}

const MOST_SWEEPS: u32 = 30u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> state: array<f32>;
@group(0) @binding(2) var<storage, read_write> vectors: array<f32>;
@group(0) @binding(3) var<storage, read> matrices: array<f32>;

//! include eigh_state
//! include jacobi

var<workgroup> phase: f32;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let job = group.x;
  if (index == 0u) { phase = state[stateAt(job, PHASE)]; }
  if (workgroupUniformLoad(&phase) != ACTIVE) { return; }
  let m = params.size;
  let begin = job * m * m;
  for (var e = index; e < m * m; e += THREADS) {
    s[cell(e / m, e % m)] = matrices[params.matricesOffset + begin + e];
    u[cell(e / m, e % m)] = vectors[params.vectorsOffset + begin + e];
  }
  workgroupBarrier();
  let threshold = NEGLIGIBLE * state[stateAt(job, NORM)] / f32(m);
  let sweeps = jacobi(index, m, threshold, MOST_SWEEPS);
  workgroupBarrier();
  for (var e = index; e < m * m; e += THREADS) {
    vectors[params.vectorsOffset + begin + e] = u[cell(e / m, e % m)];
  }
  if (index == 0u) {
    state[stateAt(job, PHASE)] = select(SOLVED, FAILED, sweeps == MOST_SWEEPS);
    state[stateAt(job, SWEEPS)] = f32(sweeps);
  }
}
