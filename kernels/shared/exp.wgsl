// The exponential, because the built-in one may be off by 3 + 2 |x| units in the last place.
//
// With x = n ln 2 + r, n an integer and |r| <= ln(2) / 2: exp x = 2^n exp r, exp r by its Taylor
// polynomial of degree 7 (truncation below 2^-26 relative). ln 2 is split in two so that r is exact to
// the last bit. Below -87.3 the result is 0 (no denormals), above 88.7 the largest finite power.

fn preciseExp(x: f32) -> f32 {
  let bounded = clamp(x, -87.4, 88.7);
  let n = round(bounded * 1.44269504);
  let whole = i32(n);
  // The same number in two guises, lest a compiler put the two halves of ln 2 together again.
  let r = fma(f32(whole), 2.12194440e-4, fma(n, -0.693359375, bounded));
  var p = fma(r, 1.0 / 5040.0, 1.0 / 720.0);
  p = fma(r, p, 1.0 / 120.0);
  p = fma(r, p, 1.0 / 24.0);
  p = fma(r, p, 1.0 / 6.0);
  p = fma(r, p, 0.5);
  p = fma(r * r, p, r + 1.0);
  // 2^n in two factors: n runs to 128, the largest exponent of one is 127.
  let half = whole >> 1u;
  let value = p * powerOfTwo(half) * powerOfTwo(whole - half);
  return select(value, 0.0, x < -87.3);
}

// 2^n for integers n in [-126, 127].
fn powerOfTwo(n: i32) -> f32 {
  return bitcast<f32>((n + 127) << 23u);
}

// 1 / (1 + e^-x); with e^-|x| it neither overflows nor loses the small end.
fn sigmoid(x: f32) -> f32 {
  let e = preciseExp(-abs(x));
  return select(1.0, e, x < 0.0) / (1.0 + e);
}
