// What gelu and its derivative share.

// Phi(x), e = e^(-x^2/2): in the tail e P(t) with t = 1 / (1 + 0.33 |x| / sqrt 2), fitted to a relative error
// of 8.2e-8 for |x| up to 13.3.
fn normalDistribution(x: f32, e: f32) -> f32 {
  let t = 1.0 / fma(abs(x), 0.23334524, 1.0);
  var p = fma(t, -6.796766536e-02, 2.313587473e-01);
  p = fma(t, p, -1.777468009e-01);
  p = fma(t, p, 2.062983225e-01);
  p = fma(t, p, 2.248923560e-02);
  p = fma(t, p, 1.009673550e-01);
  p = fma(t, p, 9.141763683e-02);
  p = fma(t, p, 9.318312807e-02);
  let tail = t * p * e;
  return select(1.0 - tail, tail, x < 0.0);
}

// 2 sqrt(2 / pi), and what x^3 counts beside x.
const TWICE_ROOT = 1.5957691216;
const CUBIC = 0.044715;

fn geluCubic(x: f32) -> f32 {
  return x * fma(x * x, CUBIC * TWICE_ROOT, TWICE_ROOT);
}
