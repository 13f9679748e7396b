import type { Backend } from "../backend/backend.ts";
import type { OwnedMatrix } from "../core/matrix.ts";

/** The identity matrix of size n; the caller disposes it. */
export function identity(backend: Backend, n: number): OwnedMatrix {
  const matrix = backend.alloc(n, n);
  const numbers = new Float64Array(n * n);
  for (let i = 0; i < n; i++) numbers[i * n + i] = 1;
  backend.write(matrix, numbers);
  return matrix;
}
