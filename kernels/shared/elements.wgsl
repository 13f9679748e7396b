// Calls `element(i, j)` of the including kernel for every element of a matrix [rows, cols], neighbours
// by neighbours; a grid too small for one invocation each goes round.

@compute @workgroup_size(256)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let count = params.rows * params.cols;
  for (var at = id.x; at < count; at += 256u * groups.x) {
    element(at / params.cols, at % params.cols);
  }
}
