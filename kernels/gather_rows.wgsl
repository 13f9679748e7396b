// gatherRows: out_i = table_(token i), out [rows, cols], table [tableRows, cols], tokens [1, rows],
// integers as float32; zeros where a token is outside of the table. One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  tableRows: u32,
  outOffset: u32,
  outStride: u32,
  tableOffset: u32,
  tableStride: u32,
  tokensOffset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read> tokens: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let token = tokens[params.tokensOffset + i];
  let row = u32(clamp(token, 0.0, f32(params.tableRows - 1u)));
  let value = table[params.tableOffset + row * params.tableStride + j];
  out[params.outOffset + i * params.outStride + j] = select(0.0, value, f32(row) == token);
}
