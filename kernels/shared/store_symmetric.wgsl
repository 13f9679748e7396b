// Stores a sum at or above the diagonal on both sides of it; sums below are left to their mirror image.

fn storeElement(i: u32, j: u32, sum: f32) {
  if (i > j) { return; }
  let first = params.cOffset + part * params.cBatch;
  let at = first + i * params.cStride + j;
  var value = params.scale * sum;
  if (params.decay != 0.0) { value = fma(params.decay, c[at], value); }
  if (abs(value) < 1.17549435e-38) { value = 0.0; }
  c[at] = value;
  c[first + j * params.cStride + i] = value;
}
