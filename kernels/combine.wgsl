// combine: out = decay out + scale sum_p parts_p, the parts being [rows, cols] one below the other.
//
// The second half of a product whose depth was shared out. Parts are added in ascending order; with
// `flush` 1 denormals become 0. One invocation per element.

struct Params {
  rows: u32,
  cols: u32,
  count: u32,
  decay: f32,
  scale: f32,
  flush: u32,
  outOffset: u32,
  outStride: u32,
  partsOffset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> parts: array<f32>;

//! include elements

fn element(i: u32, j: u32) {
  let size = params.rows * params.cols;
  let begin = params.partsOffset + i * params.cols + j;
  var sum = 0.0;
  for (var p = 0u; p < params.count; p++) { sum += parts[begin + p * size]; }
  let at = params.outOffset + i * params.outStride + j;
  var value = params.scale * sum;
  if (params.decay != 0.0) { value = fma(params.decay, out[at], value); }
  if (params.flush == 1u && abs(value) < 1.17549435e-38) { value = 0.0; }
  out[at] = value;
}
