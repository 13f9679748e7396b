// attention: per query and head y_t = sum_u p_tu v_u, p_t the softmax over u of q_t . k_u / sqrt(width), u <= t
// where CAUSAL: qkv [rows, 3 channels], out [rows, channels], channels = heads width. Keys may be hidden and weights
// dropped, see attention_extras.wgsl.
//
// A workgroup per row and head. The scores are computed twice and never stored: for the softmax, then 256 at a
// time for the sum, in which an invocation owns a channel and adds in ascending order of u.

struct Params {
  rows: u32,
  heads: u32,
  width: u32,
  positions: u32,
  outOffset: u32,
  outStride: u32,
  qkvOffset: u32,
  qkvStride: u32,
  maskOffset: u32,
  seedsOffset: u32,
  dropped: u32,
  factor: f32,
}

override CAUSAL: bool = false;
override MASKED: bool = false;
override DROPS: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> qkv: array<f32>;
@group(0) @binding(3) var<storage, read> mask: array<f32>;
@group(0) @binding(4) var<storage, read> seeds: array<f32>;

//! include exp
//! include workgroup_sum
//! include attention_scores
//! include attention_extras
//! include attention_row

var<workgroup> weights: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let item = group.y * groups.x + group.x;
  if (item >= params.rows * params.heads) { return; }
  let row = item / params.heads;
  let head = item % params.heads;
  let channels = params.heads * params.width;
  let own = row % params.positions;
  let seen = select(params.positions, own + 1u, CAUSAL);
  let query = queryAt(row, head);
  let keys = queryAt(row - own, head) + channels;
  let values = keys + channels;
  let soft = softmaxOf(index, query, keys, row - own, seen);
  for (var first = 0u; first < params.width; first += GROUP) {
    let c = first + index;
    var sum = 0.0;
    for (var base = 0u; base < seen; base += GROUP) {
      let u = base + index;
      workgroupBarrier();
      weights[index] = 0.0;
      if (u < seen && isSeen(row - own + u)) {
        let p = preciseExp(score(query, keys + u * params.qkvStride) - soft.top) / soft.total;
        weights[index] = p * countOf(row, head, u);
      }
      workgroupBarrier();
      if (c < params.width) {
        for (var i = 0u; i < min(GROUP, seen - base); i += 1u) {
          sum = fma(weights[i], qkv[values + (base + i) * params.qkvStride + c], sum);
        }
      }
    }
    if (c < params.width) {
      out[params.outOffset + row * params.outStride + head * params.width + c] = sum;
    }
  }
}
