// Pairs of blocks of SIDE / 2 rows and columns, by the round-robin tournament of jacobi.wgsl.

// Number in the whole matrix of row or column `i` of pair `t`, i < SIDE.
fn memberOf(t: u32, i: u32, round: u32, blocks: u32) -> u32 {
  let first = select(1u + (t + round - 1u) % (blocks - 1u), 0u, t == 0u);
  let second = 1u + (blocks - 2u - t + round) % (blocks - 1u);
  let width = SIDE / 2u;
  return select(second * width + i - width, first * width + i, i < width);
}
