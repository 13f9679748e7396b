// Sums over the 256 invocations of a workgroup by halves: the same order every time, error log2(256)
// roundings. Devices with subgroups take subgroup_sum.wgsl.

const GROUP: u32 = 256u;

var<workgroup> lanes: array<f32, 256>;

fn workgroupSum(index: u32, value: f32) -> f32 {
  workgroupBarrier();
  lanes[index] = value;
  workgroupBarrier();
  for (var half = GROUP / 2u; half > 0u; half /= 2u) {
    if (index < half) { lanes[index] += lanes[index + half]; }
    workgroupBarrier();
  }
  return lanes[0];
}

fn workgroupMax(index: u32, value: f32) -> f32 {
  workgroupBarrier();
  lanes[index] = value;
  workgroupBarrier();
  for (var half = GROUP / 2u; half > 0u; half /= 2u) {
    if (index < half) { lanes[index] = max(lanes[index], lanes[index + half]); }
    workgroupBarrier();
  }
  return lanes[0];
}
