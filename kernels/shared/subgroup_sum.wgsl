// workgroup_sum where the device has subgroups: each adds its own in registers and leaves one number,
// then adds the numbers of all.
//
// Nothing is assumed of a subgroup's size or of who belongs to it: a subgroup counts itself, and its
// number lies where its first member would have put its own, among zeros. The order is the adapter's, the
// same every time; with s members the error is below log2(s) + 256 / s roundings.

enable subgroups;

const GROUP: u32 = 256u;

var<workgroup> lanes: array<f32, 256>;

fn workgroupSum(index: u32, value: f32) -> f32 {
  workgroupBarrier();
  let size = subgroupAdd(1u);
  let member = subgroupExclusiveAdd(1u);
  let own = subgroupAdd(value);
  lanes[index] = select(0.0, own, member == 0u);
  workgroupBarrier();
  var sum = 0.0;
  for (var at = member; at < GROUP; at += size) { sum += lanes[at]; }
  return subgroupAdd(sum);
}

fn workgroupMax(index: u32, value: f32) -> f32 {
  workgroupBarrier();
  let size = subgroupAdd(1u);
  let member = subgroupExclusiveAdd(1u);
  lanes[index] = subgroupMax(value);
  workgroupBarrier();
  var largest = value;
  for (var at = member; at < GROUP; at += size) { largest = max(largest, lanes[at]); }
  return subgroupMax(largest);
}
