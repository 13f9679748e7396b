/**
 * Plain matrices for the oracle: arrays of rows, no cleverness. The oracle shares no code with the
 * library, so that agreement between the two means something.
 *
 * @module
 */

/** A matrix as an array of rows. */
export type Rows = number[][];

/** A rows x cols matrix with entries `f(i, j)`. */
export function fill(rows: number, cols: number, f: (i: number, j: number) => number): Rows {
  return Array.from({ length: rows }, (_, i) => Array.from({ length: cols }, (_, j) => f(i, j)));
}

/** The n x n identity. */
export function identity(n: number): Rows {
  return fill(n, n, (i, j) => (i === j ? 1 : 0));
}

/** The transpose. */
export function transpose(x: Rows): Rows {
  return fill(x[0].length, x.length, (i, j) => x[j][i]);
}

/** The product. */
export function multiply(x: Rows, y: Rows): Rows {
  return fill(x.length, y[0].length, (i, j) => x[i].reduce((s, v, k) => s + v * y[k][j], 0));
}

/** The product of several matrices, from the left. */
export function product(...factors: Rows[]): Rows {
  return factors.reduce(multiply);
}

/** `alpha x + beta y`. */
export function combine(alpha: number, x: Rows, beta: number, y: Rows): Rows {
  return x.map((row, i) => row.map((v, j) => alpha * v + beta * y[i][j]));
}

/** `f` of every entry. */
export function map(x: Rows, f: (value: number, i: number, j: number) => number): Rows {
  return x.map((row, i) => row.map((v, j) => f(v, i, j)));
}

/** The mean of equally shaped matrices. */
export function mean(list: readonly Rows[]): Rows {
  const total = list.reduce((sum, x) => combine(1, sum, 1, x));
  return map(total, (v) => v / list.length);
}

/** `u v^T`. */
export function outer(u: readonly number[], v: readonly number[]): Rows {
  return u.map((a) => v.map((b) => a * b));
}

/** Kronecker product: block (i, j) is `x_ij y`. */
export function kron(x: Rows, y: Rows): Rows {
  const [p, q] = [y.length, y[0].length];
  return fill(
    x.length * p,
    x[0].length * q,
    (i, j) => x[Math.floor(i / p)][Math.floor(j / q)] * y[i % p][j % q],
  );
}

/** The sum of the diagonal. */
export function trace(x: Rows): number {
  return x.reduce((sum, row, i) => sum + row[i], 0);
}

/** `sum_ij x_ij y_ij`. */
export function inner(x: Rows, y: Rows): number {
  return x.reduce((sum, row, i) => sum + row.reduce((s, v, j) => s + v * y[i][j], 0), 0);
}

/** The root of the sum of squares. */
export function frobenius(x: Rows): number {
  return Math.sqrt(inner(x, x));
}

/** All rows after each other; `unvec` undoes it. */
export function vec(x: Rows): number[] {
  return x.flat();
}

/** The rows x cols matrix whose rows follow each other in `v`. */
export function unvec(v: readonly number[], rows: number, cols: number): Rows {
  return fill(rows, cols, (i, j) => v[i * cols + j]);
}

/** `x^-1 b` by Gaussian elimination with partial pivoting. */
export function solve(x: Rows, b: readonly number[]): number[] {
  const n = x.length;
  const m = x.map((row, i) => [...row, b[i]]);
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(m[i][k]) > Math.abs(m[pivot][k])) pivot = i;
    [m[k], m[pivot]] = [m[pivot], m[k]];
    for (let i = k + 1; i < n; i++) {
      const factor = m[i][k] / m[k][k];
      for (let j = k; j <= n; j++) m[i][j] -= factor * m[k][j];
    }
  }
  const result = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    const known = result.reduce((s, v, j) => (j > i ? s + m[i][j] * v : s), 0);
    result[i] = (m[i][n] - known) / m[i][i];
  }
  return result;
}

/**
 * Eigenvectors (columns) and ascending eigenvalues of a symmetric matrix by Jacobi's classical method:
 * always the rotation that removes the largest entry off the diagonal.
 */
export function eigen(symmetric: Rows): { vectors: Rows; values: number[] } {
  const n = symmetric.length;
  const a = symmetric.map((row) => [...row]);
  const q = identity(n);
  const tiny = 1e-30 * Math.max(frobenius(a) ** 2, Number.MIN_VALUE);
  for (;;) {
    let [p, r, largest] = [0, 0, 0];
    for (let i = 0; i < n; i++) {
      for (let j = i + 1; j < n; j++) {
        if (Math.abs(a[i][j]) > largest) [p, r, largest] = [i, j, Math.abs(a[i][j])];
      }
    }
    if (largest * largest <= tiny) break;
    const angle = 0.5 * Math.atan2(2 * a[p][r], a[r][r] - a[p][p]);
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    for (let i = 0; i < n; i++) {
      [a[i][p], a[i][r]] = [c * a[i][p] - s * a[i][r], s * a[i][p] + c * a[i][r]];
    }
    for (let i = 0; i < n; i++) {
      [a[p][i], a[r][i]] = [c * a[p][i] - s * a[r][i], s * a[p][i] + c * a[r][i]];
      [q[i][p], q[i][r]] = [c * q[i][p] - s * q[i][r], s * q[i][p] + c * q[i][r]];
    }
  }
  const order = a.map((_, i) => i).sort((i, j) => a[i][i] - a[j][j]);
  return { vectors: fill(n, n, (i, j) => q[i][order[j]]), values: order.map((i) => a[i][i]) };
}
