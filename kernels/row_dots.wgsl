// rowDots: out_i = decay out_i + scale sum_j X_ij Y_ij, X and Y [rows, cols], out [1, rows]; rowSquaredNorms
// is the same with X for both.
//
// LANES neighbouring invocations per row, a power of two up to the workgroup's 256: 1 for short rows, so
// that a device is not kept busy with workgroups of a few terms each. Lane l sums the products l, l + LANES,
// ... in ascending order; the sums of a row are then added by halves. Rows are spread over a grid of two
// dimensions.

struct Params {
  rows: u32,
  cols: u32,
  decay: f32,
  scale: f32,
  outOffset: u32,
  xOffset: u32,
  xStride: u32,
  yOffset: u32,
  yStride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> y: array<f32>;

override LANES: u32 = 256u;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let lane = index % LANES;
  let row = (group.y * groups.x + group.x) * (256u / LANES) + index / LANES;
  let terms = select(0u, params.cols, row < params.rows);
  let beginX = params.xOffset + row * params.xStride;
  let beginY = params.yOffset + row * params.yStride;
  var sum = 0.0;
  for (var j = lane; j < terms; j += LANES) { sum = fma(x[beginX + j], y[beginY + j], sum); }
  sums[index] = sum;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { sums[index] += sums[index + half]; }
  }
  if (lane == 0u && row < params.rows) {
    let at = params.outOffset + row;
    var value = params.scale * sums[index];
    if (params.decay != 0.0) { value = fma(params.decay, out[at], value); }
    out[at] = value;
  }
}
