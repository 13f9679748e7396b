// eigh, step 1, per matrix X [n, n]: its scale, a power of two, and whether it is finite.
//
// The steps of eigh: measure, load (per matrix); S = V^T A V, check; Jacobi by eigh_small, or by rounds of
// eigh_pivot and eigh_apply with eigh_check after every sweep; V made orthogonal once more by
// V <- V (3 I - V^T V) / 2; values, store (per matrix). Matrices of one padded size are solved together,
// and nothing is read back: a matrix that is done passes every further step. One workgroup.

struct Params {
  n: u32,
  job: u32,
  warm: u32,
  staleness: f32,
  stateOffset: u32,
  xOffset: u32,
  xStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> state: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;

//! include eigh_state
//! include finite
//! include workgroup_sum

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) index: u32) {
  var largest = 0.0;
  var bad = 0.0;
  for (var e = index; e < params.n * params.n; e += GROUP) {
    let value = x[params.xOffset + (e / params.n) * params.xStride + e % params.n];
    if (isFinite(value)) { largest = max(largest, abs(value)); } else { bad = 1.0; }
  }
  largest = workgroupMax(index, largest);
  bad = workgroupMax(index, bad);
  if (index != 0u) { return; }
  // The exponent with its sign turned, within what a float can hold.
  let exponent = clamp(i32(bitcast<u32>(largest) >> 23u) - 127, -126, 126);
  state[stateAt(params.job, SCALE)] = bitcast<f32>((127 - exponent) << 23u);
  state[stateAt(params.job, SHARE)] = -1.0;
  state[stateAt(params.job, PHASE)] = select(ACTIVE, FAILED, bad > 0.0);
  state[stateAt(params.job, SWEEPS)] = 0.0;
  state[stateAt(params.job, NORM)] = 0.0;
  state[stateAt(params.job, STALENESS)] = select(-1.0, params.staleness, params.warm == 1u);
}
