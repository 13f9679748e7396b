// eigh, step last but one, per matrix: eigenvalues, and their places in ascending order.
//
//   value_i = v_i^T A v_i of the columns v_i of V, from T = A V; for a kept basis the diagonal of S
//
// spectrum holds, per matrix, [size] values and [size] places; the first n of each count. A kept basis
// stays in its order. One workgroup per matrix, an invocation per column.

struct Params {
  n: u32,
  job: u32,
  size: u32,
  spectrumOffset: u32,
  stateOffset: u32,
  vOffset: u32,
  productsOffset: u32,
  sOffset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> spectrum: array<f32>;
@group(0) @binding(2) var<storage, read> state: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read> products: array<f32>;
@group(0) @binding(5) var<storage, read> s: array<f32>;

//! include eigh_state

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) index: u32) {
  let size = params.size;
  let begin = params.job * size * size;
  let values = params.spectrumOffset + params.job * 2u * size;
  let places = values + size;
  let kept = state[stateAt(params.job, PHASE)] == KEPT;
  for (var i = index; i < params.n; i += 256u) {
    var value = 0.0;
    if (kept) {
      value = s[params.sOffset + begin + i * (size + 1u)];
    } else {
      for (var k = 0u; k < size; k++) {
        let at = begin + k * size + i;
        value = fma(v[params.vOffset + at], products[params.productsOffset + at], value);
      }
    }
    spectrum[values + i] = value;
  }
  storageBarrier();
  workgroupBarrier();
  for (var i = index; i < params.n; i += 256u) {
    let own = spectrum[values + i];
    var place = 0u;
    for (var j = 0u; j < params.n; j++) {
      let other = spectrum[values + j];
      if (other < own || (other == own && j < i)) { place++; }
    }
    spectrum[places + i] = f32(select(place, i, kept));
  }
}
