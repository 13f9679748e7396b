// gaussNewtonGradient: gradients [rows, cols] = B e, B B^T the Hessian of a row's loss in z, e signs.
//
//   KIND 0 softmaxCrossEntropy   sqrt(p) o e - p (sqrt(p) . e)
//   KIND 1 halfSumSquaredError   e
//   KIND 2 meanSquaredError      sqrt(2 / K) e
//   KIND 3 sigmoidCrossEntropy   sqrt(p (1 - p)) o e
//   KIND 4 huber                 e
//   KIND 5 gaussian              exp(-s / 2) o e of the means, sqrt(1/2) e of the log variances s
//
// A workgroup per example.

struct Params {
  rows: u32,
  cols: u32,
  gradientsOffset: u32,
  gradientsStride: u32,
  zOffset: u32,
  zStride: u32,
  signsOffset: u32,
  signsStride: u32,
}

override KIND: u32 = 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> gradients: array<f32>;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read> signs: array<f32>;

//! include exp
//! include workgroup_sum

fn softmaxRow(row: u32, index: u32) {
  let begin = params.zOffset + row * params.zStride;
  let to = params.gradientsOffset + row * params.gradientsStride;
  let sign = params.signsOffset + row * params.signsStride;
  var own = -3.4028234e38;
  for (var k = index; k < params.cols; k += GROUP) { own = max(own, z[begin + k]); }
  let top = workgroupMax(index, own);
  var sum = 0.0;
  for (var k = index; k < params.cols; k += GROUP) { sum += preciseExp(z[begin + k] - top); }
  let total = workgroupSum(index, sum);
  var along = 0.0;
  for (var k = index; k < params.cols; k += GROUP) {
    let p = preciseExp(z[begin + k] - top) / total;
    gradients[to + k] = p;
    along = fma(sqrt(p), signs[sign + k], along);
  }
  let product = workgroupSum(index, along);
  for (var k = index; k < params.cols; k += GROUP) {
    let p = gradients[to + k];
    gradients[to + k] = sqrt(p) * signs[sign + k] - p * product;
  }
}

fn elementwiseRow(row: u32, index: u32) {
  let to = params.gradientsOffset + row * params.gradientsStride;
  let sign = params.signsOffset + row * params.signsStride;
  for (var k = index; k < params.cols; k += GROUP) {
    let e = signs[sign + k];
    if (KIND == 1u || KIND == 4u) { gradients[to + k] = e; }
    if (KIND == 2u) { gradients[to + k] = sqrt(2.0 / f32(params.cols)) * e; }
    if (KIND == 3u) {
      // p (1 - p) = power / (1 + power)^2: nothing cancels.
      let power = preciseExp(-abs(z[params.zOffset + row * params.zStride + k]));
      gradients[to + k] = sqrt(power) / (1.0 + power) * e;
    }
    if (KIND == 5u) {
      let half = params.cols / 2u;
      let s = z[params.zOffset + row * params.zStride + half + k % half];
      gradients[to + k] = e * select(0.70710678, preciseExp(-0.5 * s), k < half);
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
