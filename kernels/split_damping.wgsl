// splitDamping: shiftA = pi sqrt(lambda), shiftB = sqrt(lambda) / pi with
// pi = sqrt((trA / dimA) / (trB / dimB)), 1 where a trace is not positive; all [1, 1]. One invocation.
// Martens & Grosse 2015, section 6.3.

struct Params {
  dimA: f32,
  dimB: f32,
  shiftAOffset: u32,
  shiftBOffset: u32,
  traceAOffset: u32,
  traceBOffset: u32,
  lambdaHeld: u32,
  lambdaOffset: u32,
  lambdaNumber: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> shiftA: array<f32>;
@group(0) @binding(2) var<storage, read_write> shiftB: array<f32>;
@group(0) @binding(3) var<storage, read> traceA: array<f32>;
@group(0) @binding(4) var<storage, read> traceB: array<f32>;
@group(0) @binding(5) var<storage, read> lambda: array<f32>;

@compute @workgroup_size(1)
fn main() {
  let a = traceA[params.traceAOffset];
  let b = traceB[params.traceBOffset];
  var value = params.lambdaNumber;
  if (params.lambdaHeld == 1u) { value = lambda[params.lambdaOffset]; }
  var ratio = 1.0;
  if (a > 0.0 && b > 0.0) { ratio = sqrt((a / params.dimA) / (b / params.dimB)); }
  let root = sqrt(value);
  shiftA[params.shiftAOffset] = ratio * root;
  shiftB[params.shiftBOffset] = root / ratio;
}
