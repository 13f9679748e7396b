// The softmax of the scores of one query: their largest, and the sum of exp(score - largest). An invocation
// takes every 256th key, and keeps its sum relative to the largest so far.

struct Softmax {
  top: f32,
  total: f32,
}

fn softmaxOf(index: u32, query: u32, firstKey: u32, firstRow: u32, seen: u32) -> Softmax {
  var top = -3.4028234e38;
  var sum = 0.0;
  for (var u = index; u < seen; u += GROUP) {
    if (!isSeen(firstRow + u)) { continue; }
    let s = score(query, firstKey + u * params.qkvStride);
    let larger = max(top, s);
    sum = fma(sum, preciseExp(top - larger), preciseExp(s - larger));
    top = larger;
  }
  let most = workgroupMax(index, top);
  return Softmax(most, workgroupSum(index, sum * preciseExp(top - most)));
}
