// eigh, before the first sweep and after every one: the off-diagonal share of S [size, size], and what
// follows from it: a basis that is not stale stands, a small enough share is a solution.
//
// FIRST: before the first sweep. LAST: after the last one; what has not settled by then has failed. One
// workgroup per matrix; sums as in workgroup_sum.wgsl.

struct Params {
  size: u32,
  stateOffset: u32,
  sOffset: u32,
}

override FIRST: bool = false;
override LAST: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> state: array<f32>;
@group(0) @binding(2) var<storage, read> s: array<f32>;

//! include eigh_state
//! include finite
//! include workgroup_sum

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let job = group.x;
  let begin = params.sOffset + job * params.size * params.size;
  var onDiagonal = 0.0;
  var offDiagonal = 0.0;
  for (var e = index; e < params.size * params.size; e += GROUP) {
    let value = s[begin + e];
    if (e % (params.size + 1u) == 0u) {
      onDiagonal = fma(value, value, onDiagonal);
    } else {
      offDiagonal = fma(value, value, offDiagonal);
    }
  }
  onDiagonal = workgroupSum(index, onDiagonal);
  offDiagonal = workgroupSum(index, offDiagonal);
  if (index != 0u) { return; }
  let norm = sqrt(onDiagonal + offDiagonal);
  let share = select(0.0, sqrt(offDiagonal) / norm, norm > 0.0);
  let phase = stateAt(job, PHASE);
  if (FIRST) {
    state[stateAt(job, NORM)] = norm;
    let staleness = state[stateAt(job, STALENESS)];
    // Negative for a cold start.
    if (staleness >= 0.0) { state[stateAt(job, SHARE)] = share; }
    if (state[phase] == ACTIVE && !isFinite(norm)) { state[phase] = FAILED; }
    if (state[phase] == ACTIVE && staleness > 0.0 && share <= staleness) { state[phase] = KEPT; }
  } else if (state[phase] == ACTIVE) {
    state[stateAt(job, SWEEPS)] += 1.0;
  }
  if (state[phase] != ACTIVE) { return; }
  if (share <= NEGLIGIBLE) {
    state[phase] = SOLVED;
  } else if (LAST) {
    // Close enough for float32, or not a number any more.
    state[phase] = select(FAILED, SOLVED, share <= 8.0 * NEGLIGIBLE);
  }
}
