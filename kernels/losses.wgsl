// loss: per-example losses [1, rows] and gradients [rows, cols] with respect to the outputs z.
//
//   KIND 0 softmaxCrossEntropy   log sum_k exp z_k - sum_k y_k z_k     targets: labels [1, rows]
//          y = (1 - parameter) [k = label] + parameter / K
//   KIND 1 halfSumSquaredError   1/2 sum_k (z_k - y_k)^2               targets [rows, cols]
//   KIND 2 meanSquaredError      1/K sum_k (z_k - y_k)^2               targets [rows, cols]
//   KIND 3 sigmoidCrossEntropy   sum_k log(1 + exp z_k) - y_k z_k      targets [rows, cols]
//   KIND 4 huber                 sum_k c (r - c / 2), r = z_k - y_k    targets [rows, cols]
//          c = r kept within -parameter .. parameter
//   KIND 5 gaussian              1/2 sum_j s_j + (m_j - y_j)^2 exp(-s_j), z = means m beside s
//                                                                      targets: [rows, cols], half of it
//
// A workgroup per example. Exponents are taken relative to the row's maximum, or negative, so nothing
// overflows. An invocation adds every 256th term in ascending order, then workgroup_sum.wgsl.

struct Params {
  rows: u32,
  cols: u32,
  lossesOffset: u32,
  gradientsOffset: u32,
  gradientsStride: u32,
  zOffset: u32,
  zStride: u32,
  targetsOffset: u32,
  targetsStride: u32,
  parameter: f32,
}

override KIND: u32 = 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> losses: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradients: array<f32>;
@group(0) @binding(3) var<storage, read> z: array<f32>;
@group(0) @binding(4) var<storage, read> targets: array<f32>;

//! include exp
//! include workgroup_sum

// log(1 + e) for e in [0, 1]: the series where 1 + e would lose e.
fn logOnePlus(e: f32) -> f32 {
  return select(log(1.0 + e), e * fma(e, fma(e, 1.0 / 3.0, -0.5), 1.0), e < 0.01);
}

fn softmaxRow(row: u32, index: u32) {
  let begin = params.zOffset + row * params.zStride;
  let to = params.gradientsOffset + row * params.gradientsStride;
  let label = u32(targets[params.targetsOffset + row]);
  let share = params.parameter / f32(params.cols);
  var own = -3.4028234e38;
  for (var k = index; k < params.cols; k += GROUP) { own = max(own, z[begin + k]); }
  let top = workgroupMax(index, own);
  var sum = 0.0;
  for (var k = index; k < params.cols; k += GROUP) { sum += preciseExp(z[begin + k] - top); }
  let total = workgroupSum(index, sum);
  for (var k = index; k < params.cols; k += GROUP) {
    let probability = preciseExp(z[begin + k] - top) / total;
    let expected = select(0.0, 1.0 - params.parameter, k == label) + share;
    gradients[to + k] = probability - expected;
  }
  let loss = log(total) + (top - z[begin + label]);
  if (params.parameter == 0.0) {
    if (index == 0u) { losses[params.lossesOffset + row] = loss; }
    return;
  }
  var below = 0.0;
  for (var k = index; k < params.cols; k += GROUP) { below += z[begin + label] - z[begin + k]; }
  let all = workgroupSum(index, below);
  if (index == 0u) { losses[params.lossesOffset + row] = loss + share * all; }
}

fn gaussianRow(row: u32, index: u32) {
  let begin = params.zOffset + row * params.zStride;
  let to = params.gradientsOffset + row * params.gradientsStride;
  let half = params.cols / 2u;
  var sum = 0.0;
  for (var j = index; j < half; j += GROUP) {
    let s = z[begin + half + j];
    let error = z[begin + j] - targets[params.targetsOffset + row * params.targetsStride + j];
    let slope = error * preciseExp(-s);
    gradients[to + j] = slope;
    gradients[to + half + j] = 0.5 - 0.5 * error * slope;
    sum += fma(error, slope, s);
  }
  let total = workgroupSum(index, sum);
  if (index == 0u) { losses[params.lossesOffset + row] = 0.5 * total; }
}

fn elementwiseRow(row: u32, index: u32) {
  let begin = params.zOffset + row * params.zStride;
  let to = params.gradientsOffset + row * params.gradientsStride;
  let targetRow = params.targetsOffset + row * params.targetsStride;
  var weight = 0.5;
  if (KIND == 2u) { weight = 1.0 / f32(params.cols); }
  var sum = 0.0;
  for (var k = index; k < params.cols; k += GROUP) {
    let value = z[begin + k];
    let expected = targets[targetRow + k];
    if (KIND == 3u) {
      sum += fma(-expected, value, max(value, 0.0)) + logOnePlus(preciseExp(-abs(value)));
      gradients[to + k] = sigmoid(value) - expected;
    } else if (KIND == 4u) {
      let error = value - expected;
      let slope = clamp(error, -params.parameter, params.parameter);
      sum = fma(slope, error - 0.5 * slope, sum);
      gradients[to + k] = slope;
    } else {
      let error = value - expected;
      sum = fma(error, error, sum);
      gradients[to + k] = 2.0 * weight * error;
    }
  }
  let total = workgroupSum(index, sum);
  if (index == 0u) {
    losses[params.lossesOffset + row] = select(weight * total, total, KIND >= 3u);
  }
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  if (KIND == 0u) {
    softmaxRow(row, index);
  } else if (KIND == 5u) {
    gaussianRow(row, index);
  } else {
    elementwiseRow(row, index);
  }
}
