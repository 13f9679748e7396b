// rotatePairs: out_2i = x_2i c - x_2i+1 s, out_2i+1 = x_2i s + x_2i+1 c for the first `columns` columns of x [rows, cols],
// (c, s) at columns 2i and 2i+1 of the row's position in turns [positions, width], which repeat; the rest is copied.
//
// An invocation per number of out.

struct Params {
  rows: u32,
  cols: u32,
  columns: u32,
  positions: u32,
  width: u32,
  outOffset: u32,
  outStride: u32,
  xOffset: u32,
  xStride: u32,
  turnsOffset: u32,
  turnsStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> turns: array<f32>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let item = (group.y * groups.x + group.x) * 256u + index;
  if (item >= params.rows * params.cols) { return; }
  let row = item / params.cols;
  let column = item % params.cols;
  let begin = params.xOffset + row * params.xStride + column;
  let to = params.outOffset + row * params.outStride + column;
  if (column >= params.columns) {
    out[to] = x[begin];
    return;
  }
  let first = column % 2u == 0u;
  let turn = params.turnsOffset + (row % params.positions) * params.turnsStride +
    (column - column % 2u) % params.width;
  let other = x[select(begin - 1u, begin + 1u, first)];
  out[to] = fma(x[begin], turns[turn], other * select(turns[turn + 1u], -turns[turn + 1u], first));
}
