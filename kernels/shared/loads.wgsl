// How a tiled product fills shared memory from the elements of its operands, four rows of the left or
// four columns of the right one to a vector. Neighbouring invocations load along k where an operand is
// contiguous in k, and along its other side where it is not. loads_vec4.wgsl does the same by vectors.

fn leftOrZero(i: u32, k: u32, end: u32) -> f32 {
  if (i < params.m && k < end) { return leftElement(i, k); }
  return 0.0;
}

fn rightOrZero(k: u32, j: u32, end: u32) -> f32 {
  if (j < params.n && k < end) { return rightElement(k, j); }
  return 0.0;
}

fn fillLeft(index: u32, firstRow: u32, first: u32, end: u32) {
  let quads = MICRO / 4u * THREADS_I;
  for (var at = index; at < DEPTH * quads; at += THREADS_I * THREADS_J) {
    let k = select(at / quads, at % DEPTH, LEFT_ALONG_K);
    let quad = select(at % quads, at / DEPTH, LEFT_ALONG_K);
    let i = firstRow + 4u * quad;
    leftTile[k * (quads + 1u) + quad] = vec4<f32>(
      leftOrZero(i, first + k, end),
      leftOrZero(i + 1u, first + k, end),
      leftOrZero(i + 2u, first + k, end),
      leftOrZero(i + 3u, first + k, end),
    );
  }
}

fn fillRight(index: u32, firstCol: u32, first: u32, end: u32) {
  let quads = MICRO / 4u * THREADS_J;
  for (var at = index; at < DEPTH * quads; at += THREADS_I * THREADS_J) {
    let k = select(at / quads, at % DEPTH, RIGHT_ALONG_K);
    let quad = select(at % quads, at / DEPTH, RIGHT_ALONG_K);
    let j = firstCol + 4u * quad;
    rightTile[k * (quads + 1u) + quad] = vec4<f32>(
      rightOrZero(first + k, j, end),
      rightOrZero(first + k, j + 1u, end),
      rightOrZero(first + k, j + 2u, end),
      rightOrZero(first + k, j + 3u, end),
    );
  }
}
