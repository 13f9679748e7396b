// h(x) = (max(0, x) + lambda)^-p, lambda a number or on the device.

fn dampedPower(x: f32) -> f32 {
  var lambda = params.dampingNumber;
  if (params.dampingHeld == 1u) { lambda = damping[params.dampingOffset]; }
  let base = max(0.0, x) + lambda;
  if (params.exponent == 1.0) { return 1.0 / base; }
  if (params.exponent == 0.5) { return 1.0 / sqrt(base); }
  return pow(base, -params.exponent);
}
