// What some attentions have besides: a mask [1, rows], of which a number is 0 where a key is not seen, and the seed of
// each example for what dropout drops. A hash of (head, t, u) decides, so that no pass has to keep it.

// A bijection of 32 bits in which every bit of the argument moves every other (Wellons 2018, "lowbias32").
fn mixed(value: u32) -> u32 {
  var x = value;
  x = (x ^ (x >> 16u)) * 0x7feb352du;
  x = (x ^ (x >> 15u)) * 0x846ca68bu;
  return x ^ (x >> 16u);
}

// How much a key counts in the sum of a query: 1 without dropout.
fn countOf(row: u32, head: u32, u: u32) -> f32 {
  if (!DROPS) { return 1.0; }
  let example = row / params.positions;
  let seed = mixed(u32(seeds[params.seedsOffset + example]) + 0x9e3779b9u);
  let number = (head * params.positions + row % params.positions) * params.positions + u;
  return select(params.factor, 0.0, (mixed(seed + number) >> 8u) < params.dropped);
}

fn isSeen(row: u32) -> bool {
  return !MASKED || mask[params.maskOffset + row] != 0.0;
}
