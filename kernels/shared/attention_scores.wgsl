// Scores of one head, for kernels with qkv [rows, 3 channels] and heads of `width` channels each.

fn queryAt(row: u32, head: u32) -> u32 {
  return params.qkvOffset + row * params.qkvStride + head * params.width;
}

// q . k / sqrt(width)
fn score(query: u32, key: u32) -> f32 {
  var sum = 0.0;
  for (var c = 0u; c < params.width; c += 1u) { sum = fma(qkv[query + c], qkv[key + c], sum); }
  return sum / sqrt(f32(params.width));
}
