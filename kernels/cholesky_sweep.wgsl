// choleskyInverse, for every block, 3: sweeps the pivot block (formulas in cholesky_prepare.wgsl), W [rows, cols].
//
// By symmetry W_ib P is the transpose of R, so W is updated from the panel alone. One invocation per
// element; sums over the block's rows in ascending order.

struct Params {
  rows: u32,
  cols: u32,
  first: u32,
  size: u32,
  wOffset: u32,
  panelOffset: u32,
  pivotOffset: u32,
}

const SIDE: u32 = 32u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> w: array<f32>;
@group(0) @binding(2) var<storage, read> panel: array<f32>;
@group(0) @binding(3) var<storage, read> pivot: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let n = params.cols;
  let at = params.wOffset + i * n + j;
  let before = params.panelOffset;
  let after = params.panelOffset + params.size * n;
  // Unsigned: what lies before the block comes out large.
  let bi = i - params.first;
  let bj = j - params.first;
  if (bi < params.size && bj < params.size) {
    w[at] = -pivot[params.pivotOffset + bi * SIDE + bj];
  } else if (bi < params.size) {
    w[at] = panel[after + bi * n + j];
  } else if (bj < params.size) {
    w[at] = panel[after + bj * n + i];
  } else {
    var value = w[at];
    for (var k = 0u; k < params.size; k++) {
      value = fma(-panel[before + k * n + i], panel[after + k * n + j], value);
    }
    w[at] = value;
  }
}
