// The second half of dot, sum, trace and allFinite: out = decay out + scale sum_p partials_p, or with
// NONE true: out = 1 when the sum is 0, else 0.
//
// partials [1, count], count <= 256: one workgroup adds them (workgroup_sum.wgsl).

struct Params {
  count: u32,
  decay: f32,
  scale: f32,
  outOffset: u32,
  partialsOffset: u32,
}

override NONE: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> partials: array<f32>;

//! include workgroup_sum

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) index: u32) {
  var value = 0.0;
  if (index < params.count) { value = partials[params.partialsOffset + index]; }
  let sum = workgroupSum(index, value);
  if (index == 0u) {
    let at = params.outOffset;
    if (NONE) {
      out[at] = select(0.0, 1.0, sum == 0.0);
    } else {
      var result = params.scale * sum;
      if (params.decay != 0.0) { result = fma(params.decay, out[at], result); }
      out[at] = result;
    }
  }
}
