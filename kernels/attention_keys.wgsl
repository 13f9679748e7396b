// attentionKeys: the part of keys and values in attention's gradient, dk_u = sum_t ds_tu q_t and
// dv_u = sum_t p_tu g_t, with p and ds from stats [rows heads, 3] of attention_queries.wgsl: out [rows, 3 channels],
// of which the last two thirds are written.
//
// A workgroup per row (a key) and head. 256 queries at a time; an invocation owns a channel and adds in ascending
// order of t.

struct Params {
  rows: u32,
  heads: u32,
  width: u32,
  positions: u32,
  outOffset: u32,
  outStride: u32,
  qkvOffset: u32,
  qkvStride: u32,
  gOffset: u32,
  gStride: u32,
  statsOffset: u32,
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
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read> stats: array<f32>;
@group(0) @binding(5) var<storage, read> mask: array<f32>;
@group(0) @binding(6) var<storage, read> seeds: array<f32>;

//! include exp
//! include attention_scores
//! include attention_extras

const GROUP: u32 = 256u;

var<workgroup> weights: array<f32, 256>;
var<workgroup> slopes: array<f32, 256>;

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
  let start = row - own;
  let key = queryAt(row, head) + channels;
  let to = params.outOffset + row * params.outStride + channels + head * params.width;
  for (var first = 0u; first < params.width; first += GROUP) {
    let c = first + index;
    var keySum = 0.0;
    var valueSum = 0.0;
    for (var base = select(0u, own, CAUSAL); base < params.positions; base += GROUP) {
      let t = start + base + index;
      workgroupBarrier();
      weights[index] = 0.0;
      slopes[index] = 0.0;
      if (base + index < params.positions && isSeen(row)) {
        let place = params.statsOffset + 3u * (t * params.heads + head);
        let p = preciseExp(score(queryAt(t, head), key) - stats[place]) / stats[place + 1u];
        var d = 0.0;
        let gradient = params.gOffset + t * params.gStride + head * params.width;
        for (var i = 0u; i < params.width; i += 1u) {
          d = fma(g[gradient + i], qkv[key + channels + i], d);
        }
        let count = countOf(t, head, own);
        weights[index] = p * count;
        slopes[index] = p * (d * count - stats[place + 2u]) / sqrt(f32(params.width));
      }
      workgroupBarrier();
      if (c < params.width) {
        for (var i = 0u; i < min(GROUP, params.positions - base); i += 1u) {
          let other = start + base + i;
          keySum = fma(slopes[i], qkv[queryAt(other, head) + c], keySum);
          let gradient = params.gOffset + other * params.gStride + head * params.width;
          valueSum = fma(weights[i], g[gradient + c], valueSum);
        }
      }
    }
    if (c < params.width) {
      out[to + c] = keySum;
      out[to + channels + c] = valueSum;
    }
  }
}
