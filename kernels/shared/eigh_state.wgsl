// What is known of a matrix while it is being solved: eight numbers in `state`, from params.stateOffset +
// 8 * job on.

// Power of two by which the matrix was multiplied, so that its largest element is about 1.
const SCALE: u32 = 0u;
// |offdiag S|_F / |S|_F of the previous basis; -1 for a cold start.
const SHARE: u32 = 1u;
// One of the phases below.
const PHASE: u32 = 2u;
// Sweeps done.
const SWEEPS: u32 = 3u;
// |S|_F, of the scaled matrix.
const NORM: u32 = 4u;
// While the share is at most this, the previous basis stands.
const STALENESS: u32 = 5u;

const ACTIVE: f32 = 0.0;
const SOLVED: f32 = 1.0;
const KEPT: f32 = 2.0;
const FAILED: f32 = 3.0;

// Off-diagonal elements below this share of |S|_F are zero to float32.
const NEGLIGIBLE: f32 = 5e-7;

fn stateAt(job: u32, what: u32) -> u32 {
  return params.stateOffset + 8u * job + what;
}
