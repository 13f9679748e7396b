// scatterRows: out_v = decay out_v + scale sum of x_i over the i whose token is v: out [rows, cols], x [count,
// cols], tokens [1, count], integers as float32.
//
// A workgroup per row of out: its invocations look at 256 tokens at a time and mark what they have found, then
// each adds the marked rows for a column of its own, in ascending order of i.

struct Params {
  rows: u32,
  cols: u32,
  count: u32,
  decay: f32,
  scale: f32,
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

var<workgroup> found: array<atomic<u32>, 8>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  for (var first = 0u; first < params.cols; first += 256u) {
    let column = first + index;
    var sum = 0.0;
    for (var base = 0u; base < params.count; base += 256u) {
      if (index < 8u) { atomicStore(&found[index], 0u); }
      workgroupBarrier();
      let i = base + index;
      if (i < params.count) {
        if (tokens[params.tokensOffset + i] == f32(row)) {
          atomicOr(&found[index / 32u], 1u << (index % 32u));
        }
      }
      workgroupBarrier();
      for (var word = 0u; word < 8u; word += 1u) {
        var bits = atomicLoad(&found[word]);
        while (bits != 0u) {
          let at = base + 32u * word + firstTrailingBit(bits);
          bits &= bits - 1u;
          if (column < params.cols) { sum += x[params.xOffset + at * params.xStride + column]; }
        }
      }
      workgroupBarrier();
    }
    if (column < params.cols) {
      let at = params.outOffset + row * params.outStride + column;
      var value = params.scale * sum;
      if (params.decay != 0.0) { value = fma(params.decay, out[at], value); }
      out[at] = value;
    }
  }
}
