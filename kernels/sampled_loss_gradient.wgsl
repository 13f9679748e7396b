// sampledLossGradient: gradients [rows, cols] at targets drawn from the model's own distribution.
//
//   KIND 0 softmaxCrossEntropy   label: first k with u < p_1 + .. + p_k   noise: uniforms [1, rows]
//   KIND 1 halfSumSquaredError   -noise                                   noise: normals [rows, cols]
//   KIND 2 meanSquaredError      -sqrt(2 / K) noise                       noise: normals [rows, cols]
//   KIND 3 sigmoidCrossEntropy   p - (u < p ? 1 : 0)                      noise: uniforms [rows, cols]
//   KIND 4 huber                 -noise                                   noise: slopes [rows, cols]
//   KIND 5 gaussian              -noise exp(-s / 2) and (1 - noise^2) / 2 noise: normals, half the columns
//
// A workgroup per example. The label is found by one invocation, which adds the exponentials in order
// and compares with u times their sum.

struct Params {
  rows: u32,
  cols: u32,
  gradientsOffset: u32,
  gradientsStride: u32,
  zOffset: u32,
  zStride: u32,
  noiseOffset: u32,
  noiseStride: u32,
}

override KIND: u32 = 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> gradients: array<f32>;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read> noise: array<f32>;

//! include exp
//! include workgroup_sum

var<workgroup> drawn: u32;

fn softmaxRow(row: u32, index: u32) {
  let begin = params.zOffset + row * params.zStride;
  let to = params.gradientsOffset + row * params.gradientsStride;
  var own = -3.4028234e38;
  for (var k = index; k < params.cols; k += GROUP) { own = max(own, z[begin + k]); }
  let top = workgroupMax(index, own);
  var sum = 0.0;
  for (var k = index; k < params.cols; k += GROUP) {
    let e = preciseExp(z[begin + k] - top);
    gradients[to + k] = e;
    sum += e;
  }
  let total = workgroupSum(index, sum);
  storageBarrier();
  if (index == 0u) {
    let bound = noise[params.noiseOffset + row] * total;
    var k = 0u;
    var cumulative = gradients[to];
    while (k + 1u < params.cols && bound >= cumulative) {
      k++;
      cumulative += gradients[to + k];
    }
    drawn = k;
  }
  workgroupBarrier();
  storageBarrier();
  for (var k = index; k < params.cols; k += GROUP) {
    gradients[to + k] = gradients[to + k] / total - select(0.0, 1.0, k == drawn);
  }
}

fn elementwiseRow(row: u32, index: u32) {
  let to = params.gradientsOffset + row * params.gradientsStride;
  let noiseRow = params.noiseOffset + row * params.noiseStride;
  for (var k = index; k < params.cols; k += GROUP) {
    let draw = noise[noiseRow + k];
    if (KIND == 1u || KIND == 4u) { gradients[to + k] = -draw; }
    if (KIND == 2u) { gradients[to + k] = -sqrt(2.0 / f32(params.cols)) * draw; }
    if (KIND == 3u) {
      let probability = sigmoid(z[params.zOffset + row * params.zStride + k]);
      gradients[to + k] = probability - select(0.0, 1.0, draw < probability);
    }
    if (KIND == 5u) {
      let half = params.cols / 2u;
      let normal = noise[noiseRow + k % half];
      let s = z[params.zOffset + row * params.zStride + half + k % half];
      gradients[to + k] = select(0.5 - 0.5 * normal * normal, -normal * preciseExp(-0.5 * s), k < half);
    }
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
  if (KIND == 0u) { softmaxRow(row, index); } else { elementwiseRow(row, index); }
}
