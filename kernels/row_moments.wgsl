// rowMoments: of every row of x [rows, cols] the mean m (0 unless CENTRED) and 1 / sqrt(v + epsilon), v the
// mean square of x - m: out [rows, 2], for rowNorm and its gradients.
//
// A workgroup per row. An invocation adds every 256th term in ascending order, then workgroup_sum.wgsl; the mean
// is taken before the squares, so that nothing cancels.

struct Params {
  rows: u32,
  cols: u32,
  epsilon: f32,
  outOffset: u32,
  outStride: u32,
  xOffset: u32,
  xStride: u32,
}

override CENTRED: bool = true;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;

//! include workgroup_sum

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let begin = params.xOffset + row * params.xStride;
  var mean = 0.0;
  if (CENTRED) {
    var sum = 0.0;
    for (var j = index; j < params.cols; j += GROUP) { sum += x[begin + j]; }
    mean = workgroupSum(index, sum) / f32(params.cols);
  }
  var squares = 0.0;
  for (var j = index; j < params.cols; j += GROUP) {
    let d = x[begin + j] - mean;
    squares = fma(d, d, squares);
  }
  let variance = workgroupSum(index, squares) / f32(params.cols);
  if (index == 0u) {
    let at = params.outOffset + row * params.outStride;
    out[at] = mean;
    out[at + 1u] = 1.0 / sqrt(variance + params.epsilon);
  }
}
