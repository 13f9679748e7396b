// clipFactor: out = min(1, sqrt(kl * (loss or 1) / (lr^2 innerProduct))), 1 where lr is 0 or the inner
// product is not positive; all [1, 1]. One invocation. Ba, Grosse & Martens 2017.

struct Params {
  kl: f32,
  learningRate: f32,
  outOffset: u32,
  innerProductOffset: u32,
  lossHeld: u32,
  lossOffset: u32,
  lossNumber: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> innerProduct: array<f32>;
@group(0) @binding(3) var<storage, read> loss: array<f32>;

@compute @workgroup_size(1)
fn main() {
  var relative = params.lossNumber;
  if (params.lossHeld == 1u) { relative = loss[params.lossOffset]; }
  let product = innerProduct[params.innerProductOffset];
  var factor = 1.0;
  if (params.learningRate != 0.0 && product > 0.0) {
    factor = min(1.0, sqrt(params.kl * relative / product) / params.learningRate);
  }
  out[params.outOffset] = factor;
}
