// eigh, last step, per matrix: vectors [rows, cols], values [1, cols] and status [1, 3] of the job.
//
// A solved matrix gives its columns in ascending order of their values, unscaled; a kept basis itself,
// and the values it has now; a failed one the previous basis, if there is one (`warm` 1), and nothing
// else. `polished` are the vectors made orthogonal once more. One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  job: u32,
  size: u32,
  warm: u32,
  vectorsOffset: u32,
  vectorsStride: u32,
  valuesOffset: u32,
  statusOffset: u32,
  polishedOffset: u32,
  previousOffset: u32,
  previousStride: u32,
  spectrumOffset: u32,
  stateOffset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> vectors: array<f32>;
@group(0) @binding(2) var<storage, read_write> values: array<f32>;
@group(0) @binding(3) var<storage, read_write> status: array<f32>;
@group(0) @binding(4) var<storage, read> polished: array<f32>;
@group(0) @binding(5) var<storage, read> previous: array<f32>;
@group(0) @binding(6) var<storage, read> spectrum: array<f32>;
@group(0) @binding(7) var<storage, read> state: array<f32>;

//! include eigh_state
//! include elements

fn storeStatus(phase: f32) {
  var word = 1.0;
  if (phase == KEPT) { word = 0.0; }
  if (phase == FAILED) { word = -1.0; }
  status[params.statusOffset] = word;
  status[params.statusOffset + 1u] = state[stateAt(params.job, SHARE)];
  status[params.statusOffset + 2u] = select(0.0, state[stateAt(params.job, SWEEPS)], phase == SOLVED);
}

fn element(i: u32, j: u32) {
  let phase = state[stateAt(params.job, PHASE)];
  if (i + j == 0u) { storeStatus(phase); }
  let at = (params.job * params.size + i) * params.size + j;
  let row = params.vectorsOffset + i * params.vectorsStride;
  if (phase != SOLVED && params.warm == 1u) {
    vectors[row + j] = previous[params.previousOffset + i * params.previousStride + j];
  }
  if (phase == FAILED) { return; }
  let first = params.spectrumOffset + params.job * 2u * params.size;
  let place = u32(spectrum[first + params.size + j]);
  if (phase == SOLVED) { vectors[row + place] = polished[params.polishedOffset + at]; }
  if (i == 0u) {
    values[params.valuesOffset + place] = spectrum[first + j] / state[stateAt(params.job, SCALE)];
  }
}
