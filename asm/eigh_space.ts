// The room in which eigh_divide_and_conquer.ts and its parts work on one matrix of order n.
//
// Matrices are [n, n] float32 with rows `stride` bytes apart; behind each row lie at least four
// zeros, so that loops by four may run over its end. Vectors have n + 32 elements of 8 bytes. The
// strides avoid multiples of 1 KiB, where the rows of a column would share few cache sets.

import { gemmWorkspace } from "./gemm";
import { align64 } from "./simd";

/** Matrices of order n in the space. */
const MATRICES: usize = 6;
/** Vectors of n elements in the space. */
const VECTORS: usize = 18;

/** Columns of the blocks of reflectors that are applied at once. */
export const REFLECTOR_BLOCK: i32 = 48;
/** Largest matrix that is solved without dividing it further. */
export const LEAF: i32 = 32;

/** Addresses; lives at the head of its own workspace. */
@unmanaged
export class Space {
  /** Bytes between rows of every matrix. */
  stride: usize;
  /** The matrix being reduced; later the eigenvectors of rank-one updates, by rows. */
  work: usize;
  /** Householder vectors, one per row. */
  reflectors: usize;
  /** Eigenvectors of the tridiagonal matrix, by rows. */
  z: usize;
  /** Rows of z gathered for a merge: upper parts, lower parts, deflated rows. */
  upper: usize;
  lower: usize;
  deflated: usize;
  /** Diagonal and off-diagonal of the tridiagonal matrix, float64; eigenvalues in the end. */
  d: usize;
  e: usize;
  /** Factors of the Householder reflections, float32. */
  tau: usize;
  /** Four vectors of the reduction, float32. */
  u: usize;
  v: usize;
  w: usize;
  p: usize;
  /** Merge: z-vector, poles, weights, recomputed weights, roots (float64) and origins (int32). */
  zeta: usize;
  poles: usize;
  weights: usize;
  refined: usize;
  roots: usize;
  origins: usize;
  /**
   * Merge, int32: order by size; accepted and deflated columns; halves each touches; new places.
   */
  order: usize;
  accepted: usize;
  rejected: usize;
  halves: usize;
  places: usize;
  /**
   * Two square and two tall blocks for the back-transformation; the leaves' vectors before that.
   */
  blocks: usize;
  /** Workspace of products. */
  products: usize;
  /** Both halves of the secular function at the last point, and their slopes; eigh_secular.ts. */
  low: f64;
  lowSlope: f64;
  high: f64;
  highSlope: f64;
}

/** Bytes of the head. */
const HEAD: usize = 256;

function strideOf(n: i32): usize {
  const stride = <usize>((n + 4 + 15) & ~15) << 2;
  return (stride & 1023) == 0 ? stride + 64 : stride;
}

function blocksBytes(n: i32): usize {
  const b = <usize>REFLECTOR_BLOCK;
  return max(2 * align64(b * b * 4) + 2 * align64(<usize>n * b * 4), <usize>(LEAF * LEAF) << 3);
}

/** Bytes of a space for order n. */
export function spaceBytes(n: i32): usize {
  const matrix = align64(<usize>(n + 8) * strideOf(n)), vector = align64(<usize>(n + 32) << 3);
  return HEAD + MATRICES * matrix + VECTORS * vector + align64(blocksBytes(n)) +
    gemmWorkspace(n, n, max(n, REFLECTOR_BLOCK));
}

/** Divides a workspace of {@link spaceBytes} bytes. */
export function layOut(n: i32, workspace: usize): Space {
  const space = changetype<Space>(workspace);
  const matrix = align64(<usize>(n + 8) * strideOf(n)), vector = align64(<usize>(n + 32) << 3);
  space.stride = strideOf(n);
  let next = workspace + HEAD;
  space.work = next;
  space.reflectors = next + matrix;
  space.z = next + 2 * matrix;
  space.upper = next + 3 * matrix;
  space.lower = next + 4 * matrix;
  space.deflated = next + 5 * matrix;
  next += MATRICES * matrix;
  space.d = next;
  space.e = next + vector;
  space.tau = next + 2 * vector;
  space.u = next + 3 * vector;
  space.v = next + 4 * vector;
  space.w = next + 5 * vector;
  space.p = next + 6 * vector;
  space.zeta = next + 7 * vector;
  space.poles = next + 8 * vector;
  space.weights = next + 9 * vector;
  space.refined = next + 10 * vector;
  space.roots = next + 11 * vector;
  space.origins = next + 12 * vector;
  space.order = next + 13 * vector;
  space.accepted = next + 14 * vector;
  space.rejected = next + 15 * vector;
  space.halves = next + 16 * vector;
  space.places = next + 17 * vector;
  next += VECTORS * vector;
  space.blocks = next;
  space.products = next + align64(blocksBytes(n));
  return space;
}
