// mergeRows: per example the sum of the rows of a token at its first position, zeros at later ones: x and out
// [rows, cols], tokens [1, rows], `positions` to an example.
//
// One invocation per element looks at all tokens of its example and adds in ascending order.

struct Params {
  rows: u32,
  cols: u32,
  positions: u32,
  outOffset: u32,
  outStride: u32,
  tokensOffset: u32,
  xOffset: u32,
  xStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> tokens: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let example = i / params.positions;
  let own = i % params.positions;
  let begin = params.tokensOffset + example * params.positions;
  let token = tokens[begin + own];
  var first = 0u;
  while (first < own && tokens[begin + first] != token) { first += 1u; }
  var sum = 0.0;
  if (first == own) {
    for (var t = own; t < params.positions; t += 1u) {
      if (tokens[begin + t] == token) {
        sum += x[params.xOffset + (example * params.positions + t) * params.xStride + j];
      }
    }
  }
  out[params.outOffset + i * params.outStride + j] = sum;
}
