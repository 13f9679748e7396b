// Operations of formulas where WGSL's own would not do: NaN fails every comparison, as on other
// backends, and is told by its bits.

//! include finite

// Not a constant expression, which may be neither NaN nor infinite.
fn ofBits(bits: u32) -> f32 {
  return bitcast<f32>(bits);
}

fn isGreater(x: f32, y: f32) -> bool {
  return x > y && !isNan(x) && !isNan(y);
}

fn isAtLeast(x: f32, y: f32) -> bool {
  return x >= y && !isNan(x) && !isNan(y);
}

// On bits as well, so that no compiler makes sums of products of it.
fn chosen(condition: f32, x: f32, y: f32) -> f32 {
  let taken = (bitcast<u32>(condition) & 0x7fffffffu) != 0u;
  return bitcast<f32>(select(bitcast<u32>(y), bitcast<u32>(x), taken));
}
