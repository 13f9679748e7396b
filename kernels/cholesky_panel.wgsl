// choleskyInverse, for every block, 2: R = P W_b, and a copy of W_b before it is overwritten: [rows, cols] each.
//
// W_b are the rows of the pivot block, rows <= 32, cols = n. panel holds W_b, behind it R. One invocation
// per element; sums in ascending order.

struct Params {
  rows: u32,
  cols: u32,
  first: u32,
  panelOffset: u32,
  pivotOffset: u32,
  wOffset: u32,
}

const SIDE: u32 = 32u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> panel: array<f32>;
@group(0) @binding(2) var<storage, read> pivot: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let block = params.wOffset + params.first * params.cols + j;
  var sum = 0.0;
  for (var k = 0u; k < params.rows; k++) {
    sum = fma(pivot[params.pivotOffset + i * SIDE + k], w[block + k * params.cols], sum);
  }
  let at = params.panelOffset + i * params.cols + j;
  panel[at] = w[block + i * params.cols];
  panel[at + params.rows * params.cols] = sum;
}
