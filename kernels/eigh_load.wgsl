// eigh, step 2, per matrix X [n, n]: the scaled mean of both triangles, and the basis to start from, each
// [rows, cols] with zeros, and ones on the diagonal of the basis, beyond n. A matrix that is not finite is
// taken for zero. One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  n: u32,
  job: u32,
  warm: u32,
  matricesOffset: u32,
  vectorsOffset: u32,
  stateOffset: u32,
  xOffset: u32,
  xStride: u32,
  previousOffset: u32,
  previousStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> matrices: array<f32>;
@group(0) @binding(2) var<storage, read_write> vectors: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<f32>;
@group(0) @binding(4) var<storage, read> x: array<f32>;
@group(0) @binding(5) var<storage, read> previous: array<f32>;

//! include eigh_state
//! include elements

fn element(i: u32, j: u32) {
  let inside = i < params.n && j < params.n;
  var value = 0.0;
  if (inside && state[stateAt(params.job, PHASE)] != FAILED) {
    let scale = 0.5 * state[stateAt(params.job, SCALE)];
    value = scale * x[params.xOffset + i * params.xStride + j] +
      scale * x[params.xOffset + j * params.xStride + i];
  }
  var start = select(0.0, 1.0, i == j);
  if (inside && params.warm == 1u) {
    start = previous[params.previousOffset + i * params.previousStride + j];
  }
  let at = (params.job * params.rows + i) * params.cols + j;
  matrices[params.matricesOffset + at] = value;
  vectors[params.vectorsOffset + at] = start;
}
