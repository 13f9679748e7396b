// columnMoments, first half: mean and sum of squares about it of every column of a block of rows.
//
// x [rows, cols], partials [blocks, 2 cols]: means, then sums of squares. A workgroup per block and 16
// columns (column_blocks.wgsl), which takes sums about the block's first row so that little cancels.
// Finished by column_moments_finish.wgsl.

struct Params {
  rows: u32,
  cols: u32,
  partialsOffset: u32,
  partialsStride: u32,
  xOffset: u32,
  xStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;

//! include column_blocks

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let column = group.y * COLUMNS + index % COLUMNS;
  let first = group.x * ROWS_EACH;
  let last = min(first + ROWS_EACH, params.rows);
  var about = 0.0;
  var sums = vec2(0.0, 0.0);
  if (column < params.cols) {
    about = x[params.xOffset + first * params.xStride + column];
    for (var i = first + index / COLUMNS; i < last; i += LINES) {
      let d = x[params.xOffset + i * params.xStride + column] - about;
      sums = vec2(sums.x + d, fma(d, d, sums.y));
    }
  }
  sums = columnSum(index, sums);
  if (index < COLUMNS && column < params.cols) {
    let shift = sums.x / f32(last - first);
    let at = params.partialsOffset + group.x * params.partialsStride + column;
    partials[at] = about + shift;
    partials[at + params.cols] = max(fma(-shift, sums.x, sums.y), 0.0);
  }
}
