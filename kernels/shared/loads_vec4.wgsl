// loads.wgsl for operands whose rows begin at multiples of four numbers and hold a multiple of four: one
// load brings four. Where they lie along k, four rows are loaded and transposed in registers.
//
// Instead of elements the kernel gives four numbers that are neighbours in memory:
//   fn leftVector(i: u32, k: u32) -> vec4<f32>     fn rightVector(k: u32, j: u32) -> vec4<f32>
// The contiguous side of an operand, the ends of parts included, is a multiple of four.

fn leftOrZero(i: u32, k: u32, end: u32) -> vec4<f32> {
  if (i < params.m && k < end) { return leftVector(i, k); }
  return vec4<f32>();
}

fn rightOrZero(k: u32, j: u32, end: u32) -> vec4<f32> {
  if (j < params.n && k < end) { return rightVector(k, j); }
  return vec4<f32>();
}

fn fillLeft(index: u32, firstRow: u32, first: u32, end: u32) {
  let quads = MICRO / 4u * THREADS_I;
  let threads = THREADS_I * THREADS_J;
  if (LEFT_ALONG_K) {
    for (var at = index; at < DEPTH / 4u * quads; at += threads) {
      let k = 4u * (at % (DEPTH / 4u));
      let quad = at / (DEPTH / 4u);
      let i = firstRow + 4u * quad;
      let a = leftOrZero(i, first + k, end);
      let b = leftOrZero(i + 1u, first + k, end);
      let c = leftOrZero(i + 2u, first + k, end);
      let d = leftOrZero(i + 3u, first + k, end);
      leftTile[k * (quads + 1u) + quad] = vec4<f32>(a.x, b.x, c.x, d.x);
      leftTile[(k + 1u) * (quads + 1u) + quad] = vec4<f32>(a.y, b.y, c.y, d.y);
      leftTile[(k + 2u) * (quads + 1u) + quad] = vec4<f32>(a.z, b.z, c.z, d.z);
      leftTile[(k + 3u) * (quads + 1u) + quad] = vec4<f32>(a.w, b.w, c.w, d.w);
    }
  } else {
    for (var at = index; at < DEPTH * quads; at += threads) {
      let k = at / quads;
      let quad = at % quads;
      leftTile[k * (quads + 1u) + quad] = leftOrZero(firstRow + 4u * quad, first + k, end);
    }
  }
}

fn fillRight(index: u32, firstCol: u32, first: u32, end: u32) {
  let quads = MICRO / 4u * THREADS_J;
  let threads = THREADS_I * THREADS_J;
  if (RIGHT_ALONG_K) {
    for (var at = index; at < DEPTH / 4u * quads; at += threads) {
      let k = 4u * (at % (DEPTH / 4u));
      let quad = at / (DEPTH / 4u);
      let j = firstCol + 4u * quad;
      let a = rightOrZero(first + k, j, end);
      let b = rightOrZero(first + k, j + 1u, end);
      let c = rightOrZero(first + k, j + 2u, end);
      let d = rightOrZero(first + k, j + 3u, end);
      rightTile[k * (quads + 1u) + quad] = vec4<f32>(a.x, b.x, c.x, d.x);
      rightTile[(k + 1u) * (quads + 1u) + quad] = vec4<f32>(a.y, b.y, c.y, d.y);
      rightTile[(k + 2u) * (quads + 1u) + quad] = vec4<f32>(a.z, b.z, c.z, d.z);
      rightTile[(k + 3u) * (quads + 1u) + quad] = vec4<f32>(a.w, b.w, c.w, d.w);
    }
  } else {
    for (var at = index; at < DEPTH * quads; at += threads) {
      let k = at / quads;
      let quad = at % quads;
      rightTile[k * (quads + 1u) + quad] = rightOrZero(first + k, firstCol + 4u * quad, end);
    }
  }
}
