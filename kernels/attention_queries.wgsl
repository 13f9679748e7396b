// attentionQueries: the queries' part of attention's gradient, dq_t = sum_u ds_tu k_u with
// ds_tu = p_tu (dp_tu - d_t) / sqrt(width), dp_tu = g_t . v_u, d_t = sum_u p_tu dp_tu; and of each query and head
// the largest score, the sum of exp(score - largest) and d_t, for attentionKeys: out [rows, 3 channels], of which
// the first third is written, stats [rows heads, 3], g [rows, channels].
//
// A workgroup per row and head, as in attention.wgsl.

struct Params {
  rows: u32,
  heads: u32,
  width: u32,
  positions: u32,
  outOffset: u32,
  outStride: u32,
  statsOffset: u32,
  qkvOffset: u32,
  qkvStride: u32,
  gOffset: u32,
  gStride: u32,
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
@group(0) @binding(2) var<storage, read_write> stats: array<f32>;
@group(0) @binding(3) var<storage, read> qkv: array<f32>;
@group(0) @binding(4) var<storage, read> g: array<f32>;
@group(0) @binding(5) var<storage, read> mask: array<f32>;
@group(0) @binding(6) var<storage, read> seeds: array<f32>;

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
  let gradient = params.gOffset + row * params.gStride + head * params.width;
  let soft = softmaxOf(index, query, keys, row - own, seen);
  var along = 0.0;
  for (var u = index; u < seen; u += GROUP) {
    if (!isSeen(row - own + u)) { continue; }
    let key = keys + u * params.qkvStride;
    let p = preciseExp(score(query, key) - soft.top) / soft.total * countOf(row, head, u);
    along = fma(p, valueGradient(gradient, key + channels), along);
  }
  let mean = workgroupSum(index, along);
  if (index == 0u) {
    let at = params.statsOffset + 3u * item;
    stats[at] = soft.top;
    stats[at + 1u] = soft.total;
    stats[at + 2u] = mean;
  }
  for (var first = 0u; first < params.width; first += GROUP) {
    let c = first + index;
    var sum = 0.0;
    for (var base = 0u; base < seen; base += GROUP) {
      let u = base + index;
      workgroupBarrier();
      weights[index] = 0.0;
      if (u < seen && isSeen(row - own + u)) {
        let key = keys + u * params.qkvStride;
        let p = preciseExp(score(query, key) - soft.top) / soft.total;
        let d = valueGradient(gradient, key + channels) * countOf(row, head, u) - mean;
        weights[index] = p * d / sqrt(f32(params.width));
      }
      workgroupBarrier();
      if (c < params.width) {
        for (var i = 0u; i < min(GROUP, seen - base); i += 1u) {
          sum = fma(weights[i], qkv[keys + (base + i) * params.qkvStride + c], sum);
        }
      }
    }
    if (c < params.width) {
      out[params.outOffset + row * params.outStride + head * params.width + c] = sum;
    }
  }
}

// g . v
fn valueGradient(gradient: u32, value: u32) -> f32 {
  var sum = 0.0;
  for (var c = 0u; c < params.width; c += 1u) { sum = fma(g[gradient + c], qkv[value + c], sum); }
  return sum;
}
