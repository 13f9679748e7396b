// scalarPower: out = scale x^power, 0 where x is not positive; all [1, 1]. One invocation.
//
// Integer and half-integer powers up to 4 are products and roots, which are exact to a rounding or two
// where pow is not: `halves` = 2 |power| then, 0 otherwise.

struct Params {
  power: f32,
  scale: f32,
  halves: u32,
  outOffset: u32,
  xHeld: u32,
  xOffset: u32,
  xNumber: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;

@compute @workgroup_size(1)
fn main() {
  var value = params.xNumber;
  if (params.xHeld == 1u) { value = x[params.xOffset]; }
  var result = 0.0;
  if (value > 0.0) {
    if (params.halves > 0u) {
      result = select(1.0, sqrt(value), params.halves % 2u == 1u);
      for (var i = 0u; i < params.halves / 2u; i++) { result *= value; }
      if (params.power < 0.0) { result = 1.0 / result; }
    } else {
      result = pow(value, params.power);
    }
    result *= params.scale;
  }
  out[params.outOffset] = result;
}
