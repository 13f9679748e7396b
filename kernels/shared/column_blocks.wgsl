// Sums over blocks of rows: a workgroup owns 16 columns of ROWS_EACH rows. Invocation (column, line)
// adds every 16th row of its column in ascending order, then the lines are added by halves.

const COLUMNS: u32 = 16u;
const LINES: u32 = 16u;
const ROWS_EACH: u32 = 1024u;

var<workgroup> columnSums: array<vec2<f32>, 256>;

// The sum over the lines of the invocation's column.
fn columnSum(index: u32, value: vec2<f32>) -> vec2<f32> {
  columnSums[index] = value;
  workgroupBarrier();
  for (var half = LINES / 2u; half > 0u; half /= 2u) {
    if (index < half * COLUMNS) { columnSums[index] += columnSums[index + half * COLUMNS]; }
    workgroupBarrier();
  }
  return columnSums[index % COLUMNS];
}
