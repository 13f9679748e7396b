// Small matrices one below the other, one for each channel or group, d rows and columns of which there are few:
//
//   spreadGradient   out [o, d] = decay out + scale sums[d, o]^T
//   spreadMoments    c [C d, d] = decay c + scale (pairs k <= l of sums [pairs, C], both triangles)
//   depthwiseSquares theta [C, d] = decay theta + scale sum_n (v_n[:, c]^T Q_c)^2, Q [C d, d], v [n, d C]
//   stackedGemm      C_i = beta C_i + alpha op(A_i) op(B_i) for every i
//
// Results that are fed back are flushed. Four channels at a time where channels are neighbours.

import { fma } from "./fma";
import { at, flushOne, load4 } from "./simd";

/** `decay out + scale value`, out not read where decay is 0. */
@inline
function blend(out: usize, decay: f32, scale: f32, value: f32): void {
  const past: f32 = decay != 0 ? decay * load<f32>(out) : 0;
  store<f32>(out, flushOne(past + scale * value));
}

/** Sums of a row per tap as the rows of weights. */
export function spreadGradient(
  outputs: i32,
  d: i32,
  decay: f32,
  scale: f32,
  out: usize,
  strideOut: i32,
  sums: usize,
): void {
  for (let o = 0; o < outputs; o++) {
    for (let k = 0; k < d; k++) {
      blend(at(out, o * strideOut + k), decay, scale, load<f32>(at(sums, k * outputs + o)));
    }
  }
}

/** Sums of a row per pair as symmetric matrices. */
export function spreadMoments(
  channels: i32,
  d: i32,
  decay: f32,
  scale: f32,
  c: usize,
  strideC: i32,
  sums: usize,
): void {
  for (let channel = 0; channel < channels; channel++) {
    const matrix = at(c, channel * d * strideC);
    let pair = at(sums, channel);
    for (let k = 0; k < d; k++) {
      for (let l = k; l < d; l++) {
        const value = load<f32>(pair);
        blend(at(matrix, k * strideC + l), decay, scale, value);
        if (l > k) store<f32>(at(matrix, l * strideC + k), load<f32>(at(matrix, k * strideC + l)));
        pair = at(pair, channels);
      }
    }
  }
}

/** A strip of matrices [d, d] with their entries side by side. */
export function depthwiseSquaresWorkspace(d: i32): usize {
  return <usize>(d * d + d) << 4;
}

/** Squared coordinates of gradients; without a basis (0) of themselves. */
export function depthwiseSquares(
  examples: i32,
  channels: i32,
  d: i32,
  decay: f32,
  scale: f32,
  theta: usize,
  strideTheta: i32,
  v: usize,
  strideV: i32,
  q: usize,
  strideQ: i32,
  workspace: usize,
): void {
  const sums = workspace + (<usize>(d * d) << 4);
  for (let c = 0; c < channels; c += 4) {
    const count = min(4, channels - c);
    memory.fill(workspace, 0, depthwiseSquaresWorkspace(d));
    for (let j = 0; j < count && q != 0; j++) {
      for (let e = 0; e < d * d; e++) {
        const from = at(q, ((c + j) * d + e / d) * strideQ + e % d);
        store<f32>(workspace + (<usize>e << 4) + (<usize>j << 2), load<f32>(from));
      }
    }
    for (let n = 0; n < examples; n++) {
      const row = at(v, n * strideV + c);
      for (let i = 0; i < d; i++) {
        let r = f32x4.splat(0);
        if (q == 0) r = load4(at(row, i * channels), count);
        else {
          for (let k = 0; k < d; k++) {
            const entry = v128.load(workspace + (<usize>(k * d + i) << 4));
            r = fma(load4(at(row, k * channels), count), entry, r);
          }
        }
        const place = sums + (<usize>i << 4);
        v128.store(place, fma(r, r, v128.load(place)));
      }
    }
    for (let j = 0; j < count; j++) {
      for (let i = 0; i < d; i++) {
        const sum = load<f32>(sums + (<usize>i << 4) + (<usize>j << 2));
        blend(at(theta, (c + j) * strideTheta + i), decay, scale, sum);
      }
    }
  }
}

/** Products of small matrices, one after the other. */
export function stackedGemm(
  parts: i32,
  m: i32,
  n: i32,
  k: i32,
  alpha: f32,
  beta: f32,
  c: usize,
  strideC: i32,
  a: usize,
  strideA: i32,
  transposeA: i32,
  b: usize,
  strideB: i32,
  transposeB: i32,
): void {
  const rowA = transposeA ? 1 : strideA, colA = transposeA ? strideA : 1;
  const rowB = transposeB ? 1 : strideB, colB = transposeB ? strideB : 1;
  for (let part = 0; part < parts; part++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum: f32 = 0;
        for (let l = 0; l < k; l++) {
          sum += load<f32>(at(a, i * rowA + l * colA)) * load<f32>(at(b, l * rowB + j * colB));
        }
        blend(at(c, i * strideC + j), beta, alpha, sum);
      }
    }
    a = at(a, (transposeA ? k : m) * strideA);
    b = at(b, (transposeB ? n : k) * strideB);
    c = at(c, m * strideC);
  }
}
