// batchNormSums, second half: out = sum of g xhat above sum of g, from the sums of the blocks.
//
// partials [blocks, 2 cols] from batch_norm_sums.wgsl, moments and out [2, cols]. An invocation per
// column, which adds the blocks in ascending order.

struct Params {
  cols: u32,
  blocks: u32,
  epsilon: f32,
  outOffset: u32,
  outStride: u32,
  partialsOffset: u32,
  partialsStride: u32,
  momentsOffset: u32,
  momentsStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> partials: array<f32>;
@group(0) @binding(3) var<storage, read> moments: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x;
  if (column >= params.cols) { return; }
  var sums = vec2(0.0, 0.0);
  for (var block = 0u; block < params.blocks; block++) {
    let at = params.partialsOffset + block * params.partialsStride + column;
    sums += vec2(partials[at], partials[at + params.cols]);
  }
  let variance = moments[params.momentsOffset + params.momentsStride + column];
  out[params.outOffset + column] = sums.x / sqrt(variance + params.epsilon);
  out[params.outOffset + params.outStride + column] = sums.y;
}
