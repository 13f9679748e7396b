// batchNormSums, first half: sums of g (x - mean) and of g over the rows of a block, for every column.
//
// x, g [rows, cols], moments [2, cols], partials [blocks, 2 cols]. A workgroup per block and 16 columns
// (column_blocks.wgsl). Finished by batch_norm_sums_finish.wgsl.

struct Params {
  rows: u32,
  cols: u32,
  partialsOffset: u32,
  partialsStride: u32,
  xOffset: u32,
  xStride: u32,
  gOffset: u32,
  gStride: u32,
  momentsOffset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read> moments: array<f32>;

//! include column_blocks

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let column = group.y * COLUMNS + index % COLUMNS;
  let first = group.x * ROWS_EACH;
  let last = min(first + ROWS_EACH, params.rows);
  var sums = vec2(0.0, 0.0);
  if (column < params.cols) {
    let mean = moments[params.momentsOffset + column];
    for (var i = first + index / COLUMNS; i < last; i += LINES) {
      let gradient = g[params.gOffset + i * params.gStride + column];
      let centred = x[params.xOffset + i * params.xStride + column] - mean;
      sums = vec2(fma(centred, gradient, sums.x), sums.y + gradient);
    }
  }
  sums = columnSum(index, sums);
  if (index < COLUMNS && column < params.cols) {
    let at = params.partialsOffset + group.x * params.partialsStride + column;
    partials[at] = sums.x;
    partials[at + params.cols] = sums.y;
  }
}
