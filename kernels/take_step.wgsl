// takeStep: w_ij = w_ij - rate u_ij, less decay w_ij for j < columns, [rows, cols]. Where rate is 0, u is not
// read. rate and decay are numbers or lie on the device. One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  columns: u32,
  wOffset: u32,
  wStride: u32,
  uOffset: u32,
  uStride: u32,
  rateHeld: u32,
  rateOffset: u32,
  rateNumber: f32,
  decayHeld: u32,
  decayOffset: u32,
  decayNumber: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> w: array<f32>;
@group(0) @binding(2) var<storage, read> u: array<f32>;
@group(0) @binding(3) var<storage, read> rate: array<f32>;
@group(0) @binding(4) var<storage, read> decay: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let at = params.wOffset + i * params.wStride + j;
  var length = params.rateNumber;
  if (params.rateHeld == 1u) { length = rate[params.rateOffset]; }
  var share = params.decayNumber;
  if (params.decayHeld == 1u) { share = decay[params.decayOffset]; }
  var value = w[at];
  if (j < params.columns) { value = fma(-share, value, value); }
  if (length != 0.0) { value = fma(-length, u[params.uOffset + i * params.uStride + j], value); }
  w[at] = value;
}
