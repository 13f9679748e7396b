// Rows of z become rows of z Q^T, Q = H_0 H_1 ... H_{n-3} from eigh_tridiagonalize.ts.
//
// Reflectors are taken in blocks of b, from the last to the first: a product of b of them is I -
// V^T T V with V [b, n] their vectors by rows and T [b, b] upper triangular (Schreiber & Van Loan
// 1989), so that almost all work is in three products per block.

import { REFLECTOR_BLOCK, Space } from "./eigh_space";
import { multiply } from "./gemm";
import { align64, at } from "./simd";

/** z = z Q^T, z [n, n]. */
export function backTransform(n: i32, space: Space): void {
  const stride = space.stride, count = n - 2, products = space.products;
  const square = align64(<usize>(REFLECTOR_BLOCK * REFLECTOR_BLOCK) << 2);
  const gram = space.blocks, t = gram + square, y = t + square;
  const yt = y + align64(<usize>(n * REFLECTOR_BLOCK) << 2);
  for (let k = ((count - 1) / REFLECTOR_BLOCK) * REFLECTOR_BLOCK; k >= 0; k -= REFLECTOR_BLOCK) {
    const b = min(REFLECTOR_BLOCK, count - k), length = n - k - 1, row = <usize>b << 2;
    const v = at(space.reflectors + <usize>k * stride, k + 1), z = at(space.z, k + 1);
    multiply(b, b, length, 1, 0, gram, row, v, stride, 4, v, 4, stride, 0, true, products);
    formT(b, k, gram, t, space.tau);
    multiply(n, b, length, 1, 0, y, row, z, stride, 4, v, 4, stride, 0, false, products);
    multiply(n, b, b, 1, 0, yt, row, y, row, 4, t, 4, row, 0, false, products);
    multiply(n, length, b, -1, 1, z, stride, yt, row, 4, v, stride, 4, 0, false, products);
  }
}

/** T_jj = tau_j, T_ij = -tau_j sum_{q = i}^{j - 1} T_iq (v_q v_j). */
function formT(b: i32, k: i32, gram: usize, t: usize, tau: usize): void {
  for (let j = 0; j < b; j++) {
    const factor = load<f32>(at(tau, k + j));
    for (let i = 0; i < j; i++) {
      let sum: f32 = 0;
      for (let q = i; q < j; q++) {
        sum += load<f32>(at(t, i * b + q)) * load<f32>(at(gram, q * b + j));
      }
      store<f32>(at(t, i * b + j), -factor * sum);
      store<f32>(at(t, j * b + i), 0);
    }
    store<f32>(at(t, j * b + j), factor);
  }
}
