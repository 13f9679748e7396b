// Rows of a table by their numbers.
//
//   gatherRows   out_i = table_(token i)
//   scatterRows  out_v = decay out_v + scale sum of x_i over the i whose token is v
//   mergeRows    per example the sum of the rows of a token at its first position, zeros at later ones
//
// tokens [1, rows], integers as float32, of mergeRows `positions` to an example; table and out of scatterRows
// [V, cols]; x and the other outs [rows, cols]; any row strides. A token outside [0, V) names no row. Sums are in the order of i.

import { fma } from "./fma";
import { at, flush, load4, storeTail } from "./simd";

/** out_i = table_(token i). */
export function gatherRows(
  rows: i32,
  tableRows: i32,
  cols: i32,
  out: usize,
  strideOut: i32,
  table: usize,
  strideTable: i32,
  tokens: usize,
): void {
  const bytes = <usize>cols << 2;
  for (let i = 0; i < rows; i++) {
    const row = rowOf(load<f32>(at(tokens, i)), tableRows), o = at(out, i * strideOut);
    if (row < 0) memory.fill(o, 0, bytes);
    else memory.copy(o, at(table, row * strideTable), bytes);
  }
}

/** out_v = decay out_v + scale sum of the x_i of token v. */
export function scatterRows(
  rows: i32,
  tableRows: i32,
  cols: i32,
  decay: f32,
  scale: f32,
  out: usize,
  strideOut: i32,
  tokens: usize,
  x: usize,
  strideX: i32,
): void {
  for (let v = 0; v < tableRows; v++) {
    const o = at(out, v * strideOut);
    if (decay == 0) memory.fill(o, 0, <usize>cols << 2);
    else if (decay != 1) addRow(cols, o, decay, 0, o);
  }
  for (let i = 0; i < rows; i++) {
    const row = rowOf(load<f32>(at(tokens, i)), tableRows);
    if (row >= 0) addRow(cols, at(out, row * strideOut), 1, scale, at(x, i * strideX));
  }
}

/** The rows of a token in an example, summed at its first position. */
export function mergeRows(
  examples: i32,
  positions: i32,
  cols: i32,
  out: usize,
  strideOut: i32,
  tokens: usize,
  x: usize,
  strideX: i32,
): void {
  const bytes = <usize>cols << 2;
  for (let n = 0; n < examples; n++) {
    const start = n * positions, own = at(tokens, start);
    for (let t = 0; t < positions; t++) {
      const token = load<f32>(at(own, t));
      let first = 0;
      while (first < t && load<f32>(at(own, first)) != token) first++;
      const o = at(out, (start + t) * strideOut), p = at(x, (start + t) * strideX);
      if (first == t) {
        memory.copy(o, p, bytes);
      } else {
        memory.fill(o, 0, bytes);
        addRow(cols, at(out, (start + first) * strideOut), 1, 1, p);
      }
    }
  }
}

/** A token as the number of a row, -1 where it is none. */
@inline
function rowOf(token: f32, rows: i32): i32 {
  if (!(token >= 0 && token < <f32>rows)) return -1;
  const row = <i32>token;
  return <f32>row == token ? row : -1;
}

/** out = decay out + scale x; denormals become 0. */
@inline
function addRow(cols: i32, out: usize, decay: f32, scale: f32, x: usize): void {
  const d = f32x4.splat(decay), s = f32x4.splat(scale);
  for (let j = 0; j < cols; j += 4) {
    const left = cols - j, o = at(out, j);
    const value = flush(fma(s, load4(at(x, j), left), f32x4.mul(d, load4(o, left))));
    if (left >= 4) v128.store(o, value);
    else storeTail(o, value, left);
  }
}
