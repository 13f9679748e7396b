// columnMoments, second half: joins the moments of the blocks in ascending order (Chan, Golub & LeVeque
// 1983).
//
// partials [blocks, 2 cols] from column_moments.wgsl, out [2, cols]. An invocation per column.

struct Params {
  rows: u32,
  cols: u32,
  blocks: u32,
  outOffset: u32,
  outStride: u32,
  partialsOffset: u32,
  partialsStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> partials: array<f32>;

//! include column_blocks

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x;
  if (column >= params.cols) { return; }
  var mean = 0.0;
  var squares = 0.0;
  for (var block = 0u; block < params.blocks; block++) {
    let before = f32(block * ROWS_EACH);
    let count = f32(min(ROWS_EACH, params.rows - block * ROWS_EACH));
    let at = params.partialsOffset + block * params.partialsStride + column;
    let apart = partials[at] - mean;
    mean = fma(apart, count / (before + count), mean);
    squares += fma(apart * apart, before * (count / (before + count)), partials[at + params.cols]);
  }
  out[params.outOffset + column] = mean;
  out[params.outOffset + params.outStride + column] = squares / max(f32(params.rows), 1.0);
}
