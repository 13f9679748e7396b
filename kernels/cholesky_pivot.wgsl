// choleskyInverse, for every block, 1: P = W_bb^-1 of one pivot block, [size, size], size <= 32, by W_bb = L L^T
// and P = L^-T L^-1. A pivot that is not positive or not finite sets flag to 0.
//
// One workgroup, everything in shared memory: columns of L one after the other, an invocation per column
// of L^-1, an element of P each. W [n, n] without gaps; `first` is the block's first row.

struct Params {
  n: u32,
  first: u32,
  size: u32,
  pivotOffset: u32,
  flagOffset: u32,
  wOffset: u32,
}

const SIDE: u32 = 32u;
const THREADS: u32 = 256u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> pivot: array<f32>;
@group(0) @binding(2) var<storage, read_write> flag: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;

//! include finite

var<workgroup> l: array<f32, 1056>;
var<workgroup> inverse: array<f32, 1056>;

fn at(i: u32, j: u32) -> u32 {
  return i * (SIDE + 1u) + j;
}

// Column c of L^-1, forwards.
fn invertColumn(c: u32) {
  for (var i = 0u; i < params.size; i++) {
    if (i < c) {
      inverse[at(i, c)] = 0.0;
      continue;
    }
    var rest = select(0.0, 1.0, i == c);
    for (var k = c; k < i; k++) { rest = fma(-l[at(i, k)], inverse[at(k, c)], rest); }
    inverse[at(i, c)] = rest / l[at(i, i)];
  }
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) index: u32) {
  let size = params.size;
  for (var e = index; e < size * size; e += THREADS) {
    let i = e / size;
    let j = e % size;
    l[at(i, j)] = w[params.wOffset + (params.first + i) * params.n + params.first + j];
  }
  workgroupBarrier();
  for (var j = 0u; j < size; j++) {
    let diagonal = l[at(j, j)];
    workgroupBarrier();
    let good = isFinite(diagonal) && diagonal > 0.0;
    let root = sqrt(select(1.0, diagonal, good));
    if (index == j) {
      l[at(j, j)] = root;
      if (!good) { flag[params.flagOffset] = 0.0; }
    }
    if (index > j && index < size) { l[at(index, j)] /= root; }
    workgroupBarrier();
    for (var e = index; e < size * size; e += THREADS) {
      let i = e / size;
      let k = e % size;
      if (k > j && i >= k) { l[at(i, k)] = fma(-l[at(i, j)], l[at(k, j)], l[at(i, k)]); }
    }
    workgroupBarrier();
  }
  if (index < size) { invertColumn(index); }
  workgroupBarrier();
  for (var e = index; e < size * size; e += THREADS) {
    let i = e / size;
    let j = e % size;
    var sum = 0.0;
    for (var k = max(i, j); k < size; k++) { sum = fma(inverse[at(k, i)], inverse[at(k, j)], sum); }
    pivot[params.pivotOffset + i * SIDE + j] = sum;
  }
}
