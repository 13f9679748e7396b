// Cyclic Jacobi on a symmetric matrix in shared memory, m/2 rotations at a time.
//
//   s -> U^T s U,   u -> u U,   s and u [m, m], m even, m <= SIDE
//
// A sweep is m - 1 rounds of the round-robin tournament, in which every pair meets once; the pairs of a
// round are disjoint, so their rotations commute. The elements in which two pairs meet are one
// invocation's business, rotated from both sides at once. Golub & Van Loan 2013, section 8.5.

override SIDE: u32 = 64;

const THREADS: u32 = 256u;

// Rows one longer than SIDE, so that a column does not meet one bank.
var<workgroup> s: array<f32, SIDE * (SIDE + 1)>;
var<workgroup> u: array<f32, SIDE * (SIDE + 1)>;
var<workgroup> cosines: array<f32, 32>;
var<workgroup> sines: array<f32, 32>;
var<workgroup> rotations: atomic<u32>;
var<workgroup> goesOn: u32;

fn cell(i: u32, j: u32) -> u32 {
  return i * (SIDE + 1u) + j;
}

// Pair number t of a round: player 0 stays, the others move on by one each round.
fn pairOf(t: u32, round: u32, m: u32) -> vec2<u32> {
  let first = select(1u + (t + round - 1u) % (m - 1u), 0u, t == 0u);
  return vec2(first, 1u + (m - 2u - t + round) % (m - 1u));
}

// The rotation that annihilates s_pq, or none where it is negligible.
fn chooseRotation(t: u32, round: u32, m: u32, threshold: f32) {
  let pair = pairOf(t, round, m);
  let off = s[cell(pair.x, pair.y)];
  if (!(abs(off) > threshold)) {
    cosines[t] = 1.0;
    sines[t] = 0.0;
    return;
  }
  let theta = (s[cell(pair.y, pair.y)] - s[cell(pair.x, pair.x)]) / (2.0 * off);
  let tangent = select(1.0, -1.0, theta < 0.0) / (abs(theta) + sqrt(fma(theta, theta, 1.0)));
  let cosine = 1.0 / sqrt(fma(tangent, tangent, 1.0));
  let sine = tangent * cosine;
  // Division and root may be off by more than a rounding: one step of Newton makes the length 1.
  let lack = 0.5 * fma(-sine, sine, fma(-cosine, cosine, 1.0));
  cosines[t] = fma(cosine, lack, cosine);
  sines[t] = fma(sine, lack, sine);
  atomicAdd(&rotations, 1u);
}

fn rotateMatrix(index: u32, round: u32, m: u32) {
  let half = m / 2u;
  for (var e = index; e < half * half; e += THREADS) {
    let a = e / half;
    let b = e % half;
    let sa = sines[a];
    let sb = sines[b];
    if (sa == 0.0 && sb == 0.0) { continue; }
    let ca = cosines[a];
    let cb = cosines[b];
    let rows = pairOf(a, round, m);
    let cols = pairOf(b, round, m);
    let pp = s[cell(rows.x, cols.x)];
    let pq = s[cell(rows.x, cols.y)];
    let qp = s[cell(rows.y, cols.x)];
    let qq = s[cell(rows.y, cols.y)];
    if (a == b) {
      let change = sa / ca * pq;
      s[cell(rows.x, cols.x)] = pp - change;
      s[cell(rows.y, cols.y)] = qq + change;
      s[cell(rows.x, cols.y)] = 0.0;
      s[cell(rows.y, cols.x)] = 0.0;
      continue;
    }
    let left = vec2(fma(cb, pp, -sb * pq), fma(sb, pp, cb * pq));
    let right = vec2(fma(cb, qp, -sb * qq), fma(sb, qp, cb * qq));
    s[cell(rows.x, cols.x)] = fma(ca, left.x, -sa * right.x);
    s[cell(rows.x, cols.y)] = fma(ca, left.y, -sa * right.y);
    s[cell(rows.y, cols.x)] = fma(sa, left.x, ca * right.x);
    s[cell(rows.y, cols.y)] = fma(sa, left.y, ca * right.y);
  }
}

fn rotateVectors(index: u32, round: u32, m: u32) {
  let half = m / 2u;
  for (var e = index; e < m * half; e += THREADS) {
    let b = e % half;
    let sb = sines[b];
    if (sb == 0.0) { continue; }
    let cb = cosines[b];
    let cols = pairOf(b, round, m);
    let p = u[cell(e / half, cols.x)];
    let q = u[cell(e / half, cols.y)];
    u[cell(e / half, cols.x)] = fma(cb, p, -sb * q);
    u[cell(e / half, cols.y)] = fma(sb, p, cb * q);
  }
}

// Sweeps until one finds nothing above the threshold, at most `most`. Returns the number of sweeps that
// rotated, `most` when the last one still did.
fn jacobi(index: u32, m: u32, threshold: f32, most: u32) -> u32 {
  var sweep = 0u;
  for (; sweep < most; sweep++) {
    if (index == 0u) { atomicStore(&rotations, 0u); }
    workgroupBarrier();
    for (var round = 0u; round < m - 1u; round++) {
      if (index < m / 2u) { chooseRotation(index, round, m, threshold); }
      workgroupBarrier();
      rotateMatrix(index, round, m);
      rotateVectors(index, round, m);
      workgroupBarrier();
    }
    if (index == 0u) { goesOn = atomicLoad(&rotations); }
    if (workgroupUniformLoad(&goesOn) == 0u) { break; }
  }
  return sweep;
}
